import Files
import Glibc
import LuaHost
import TestSupport
import Testing

@testable import LuaBindings

/// The example files that need no data and no model print what stands beside them.
///
/// With `KILPI_RECORD=1` in the environment the expected output is written, and the test fails once.
@Suite struct ExampleFileTests {
  @Test(arguments: ["tour", "attack_suite"])
  func prints(_ name: String) throws {
    let source = try FileReader.text(at: "\(CatalogTests.root)/examples/\(name).lua")
    let lines = source.split(separator: "\n")
    #expect(lines.prefix(2).allSatisfy { $0.hasPrefix("-- ") }, "two comment lines at the top")
    let output = try Script().run(source)
    let path = "\(CatalogTests.root)/examples/expected/\(name).txt"
    let expected = try? FileReader.text(at: path)
    #expect(output == expected)
    if getenv("KILPI_RECORD") != nil, output != expected { try AtomicFile.write(output, to: path) }
  }

  /// The main job in its shortest form, then a picture attacked with the model it leaves behind.
  @Test func theMainJobRunsFromEndToEnd() throws {
    guard FileReader.isDirectory("/usr/share/datasets/fashion-mnist") else {
      print("skipped: Fashion-MNIST is not here (apt install dataset-fashion-mnist)")
      return
    }
    func example(_ name: String, _ arguments: [String]) throws -> String {
      let script = try Script()
      try script.state.setArguments(script: name, arguments: arguments, program: ["kilpi"])
      return try script.run(FileReader.text(at: "\(CatalogTests.root)/examples/\(name).lua"))
    }
    try withTemporaryDirectory { folder in
      let job = try example("harden_fashion", ["quick", folder + "/run"])
      for row in [
        "clean", "image/pgd", "text/char", "mm_sep/pgd + char", "mm_t2i/pgd + char", "worst",
      ] {
        #expect(job.contains("\n" + row), "the comparison has a row \(row)")
      }
      for file in [
        "accuracy.png", "images-before.png", "before/samples.jsonl", "mmcoa/metrics.csv",
      ] {
        #expect(FileReader.exists("\(folder)/run/\(file)"), "\(file) is written")
      }
      let picture = folder + "/picture.png"
      _ = try Script().run("image.save('\(picture)', tensor.rand({3, 28, 28}, {seed = 2}))")
      let model = folder + "/run/plain/model"
      let attacked = try example("attack_png", [picture, model, folder + "/attacked"])
      #expect(attacked.contains("judged on the saved file"))
      let check = """
        local a = image.load("\(folder)/attacked/adversarial.png")
        local b = image.load("\(picture)")
        print((a - b):abs():max():item() <= 8 / 255 + 1e-6, (a - b):abs():max():item() > 0)
        """
      #expect(try Script().run(check) == "true\ttrue\n")
      #expect(FileReader.exists(folder + "/attacked/picture.png"))
    }
  }
}
