internal import Datasets
internal import Diagnostics
internal import Images
internal import LuaHost
internal import Tensors

/// The module `data`.
enum DataLibrary {
  static let library = Library(
    "data",
    doc: """
      Data sets of labelled or captioned images. Samples are decoded when they are asked for; labels \
      count from 1.
      """,
    entries: [
      Entry(
        "open", "(path: string [, options]) -> dataset",
        doc: """
          Opens a data set: a folder, or the name of a folder in KILPI_DATA, or "fashion-mnist". Formats: \
          \(DatasetFormats.all.map { "\($0.name) (\($0.summary))" }.joined(separator: "; ")). Images of mixed \
          sizes need a preset to be batched. Captions are COCO's, Karpathy's, a list, an object or a table \
          with a header such as `image,caption`. Links are followed, in the sandbox as far as it allows. \
          What is passed over is said, and stands in `notes`.
          """,
        options: [
          .string("split", default: "test", "one that the set has; without splits, leave it out"),
          .string("format", default: "auto", "a format's name; auto recognises it by its files"),
          .preset, .integer("size", range: 1...8192, "the side that the preset makes"),
        ],
        example: """
          local folder = os.tmpname() .. "-set"
          os.execute("mkdir -p " .. folder .. "/cat " .. folder .. "/dog")
          for _, name in ipairs{"cat/1.png", "cat/2.png", "dog/1.png"} do
            image.save(folder .. "/" .. name, tensor.rand{3, 8, 8})
          end
          print(#data.open(folder), data.open(folder).class_names[2])  --> 3\tdog
          """
      ) { call in
        let path = try call.path(1)
        let options = try call.options(2)
        var choice = DatasetOptions()
        choice.split = try options.string("split")
        choice.format = try options.string("format")
        choice.preset = try options.preset()
        choice.size = try options.integerIfGiven("size")
        let warn = call.warning
        return [try DatasetFormats.open(path, options: choice, onWarning: warn, onNote: call.note)]
      },
      Entry(
        "fashion_mnist", "([options]) -> dataset",
        doc: """
          Fashion-MNIST, 28 × 28 pictures of clothes in 10 classes, from the files of Debian's package \
          dataset-fashion-mnist.
          """,
        options: [
          .choice("split", ["train", "test"], default: "test", "60,000 or 10,000 samples")
        ],
        example: """
          local ds = data.fashion_mnist{split = "test"}
          print(#ds, ds.class_names[1])  --> 10000\tT-shirt/top
          """
      ) { call in [try FashionMNIST.open(split: call.options(1).string("split"))] },
      Entry(
        "from",
        "(images: tensor, labels: tensor|integer[]|string[] [, class_names: string[]]) -> dataset",
        doc: """
          A data set over a copy of images `[N, 3, H, W]` (or `[N, 1, H, W]`) with labels from 1, or with \
          captions: a string, or a list of strings, for each image.
          """,
        example: """
          local ds = data.from(tensor.zeros{2, 3, 4, 4}, {1, 2}, {"cat", "dog"})
          print(#ds, ds.class_names[2], ds:get(2).label)  --> 2\tdog\t2
          """
      ) { call in try fromMemory(call) },
    ])

  private static func fromMemory(_ call: Call) throws -> [any LuaConvertible] {
    let images = try call.handle(1, as: Tensor.self)
    let names = call.isNone(3) ? nil : try call.strings(3)
    if let captions = try call.captions(2) {
      return [try MemoryDataset.make(images: images, captions: captions)]
    }
    let labels = try call.labels(2, classes: names?.count)
    return [try MemoryDataset.make(images: images, labels: labels, classNames: names)]
  }
}

extension OptionSpec {
  /// The recipe that brings images to a model's size.
  static let preset = choice(
    "preset", ["openai", "mmcoa_small", "mmcoa_imagenet"],
    "recipe that brings images to `size`: resize and crop, never normalise")
}

extension Options {
  func preset() throws -> PreprocessingPreset? {
    try stringIfGiven("preset").map { try PreprocessingPreset(named: $0) }
  }
}

extension Call {
  /// A list of strings, or of lists of strings; nil when the argument is another kind of list.
  func captions(_ index: Int) throws -> [[String]]? {
    guard kind(index) == .table, let first = try table(index).array().first,
      first.typeName == "string" || first.table != nil
    else { return nil }
    return try table(index).array().enumerated().map { position, value in
      if let text = value.string { return [text] }
      let texts = try value.table?.array() ?? [value]
      return try texts.enumerated().map { place, text in
        if let text = text.string { return text }
        let inner = value.table == nil ? "" : "[\(place + 1)]"
        let isBroken = text.typeName == "string"
        throw badArgument(
          index,
          "captions expected, got \(text.typeName) at [\(position + 1)]\(inner)"
            + (isBroken ? " that is not valid UTF-8" : ""))
      }
    }
  }
}
