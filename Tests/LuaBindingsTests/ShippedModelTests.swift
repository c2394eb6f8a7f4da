import Files
import Testing

@testable import LuaBindings

/// The model that ships with Kilpi works by its name, offline.
@Suite struct ShippedModelTests {
  @Test func isFoundByName() throws {
    let source = """
      local model = clip.load("kilpi-tiny")
      print(model:num_parameters(), model:encode_text("a cat"):size(2))
      for _, entry in ipairs(clip.available()) do
        if entry.name == "kilpi-tiny" then print(entry.path:match("stdlib/models/kilpi%-tiny$")) end
      end
      """
    #expect(try Script().run(source) == "4366593\t128\nstdlib/models/kilpi-tiny\n")
  }

  @Test func isSmallAndHasACard() throws {
    let folder = CatalogTests.root + "/stdlib/models/kilpi-tiny"
    #expect(try MappedFile(path: folder + "/model.safetensors").count < 12 << 20)
    let card = try FileReader.text(at: folder + "/README.md")
    for word in ["data", "recipe", "licence", "Fashion-MNIST test"] {
      #expect(card.contains(word), "the card tells \(word)")
    }
  }

  /// The card's figure, on a part: 87.0 % of the first 500 drawn with seed 1.
  @Test func knowsClothes() throws {
    guard FileReader.isDirectory("/usr/share/datasets/fashion-mnist") else {
      print("skipped: Fashion-MNIST is not here (apt install dataset-fashion-mnist)")
      return
    }
    let source = """
      local ds = data.fashion_mnist{split = "test"}:take(200, {seed = 1})
      local cls = clip.load("kilpi-tiny"):classifier(ds.class_names)
      print(cls:accuracy(ds) > 0.8)
      """
    #expect(try Script().run(source) == "true\n")
  }
}
