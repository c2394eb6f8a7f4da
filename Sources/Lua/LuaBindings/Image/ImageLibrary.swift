internal import Attacks
internal import Diagnostics
internal import Images
internal import LuaHost
internal import Tensors

/// The module `image`.
enum ImageLibrary {
  static let library = Library(
    "image",
    doc: """
      Reading, writing, resizing and showing images. An image is a float32 tensor `[3, H, W]`, RGB, with \
      values in 0 … 1, at its own resolution; nothing here normalises pixels.
      """,
    entries: files + shapes + pictures,
    elsewhere: [
      "open": "image.load(path)", "read": "image.load(path)", "imread": "image.load(path)",
      "write": "image.save(path, picture)", "imwrite": "image.save(path, picture)",
      "imshow": "image.show(picture)", "display": "image.show(picture)",
    ])

  static let files: [Entry] = [
    Entry(
      "load", "(path: string [, options]) -> tensor",
      doc: """
        The image in a PNG, JPEG, WebP, PPM or PGM file, `[3, H, W]`, with the same pixels as Pillow's \
        `convert("RGB")`: gray and CMYK become RGB, alpha is dropped, of an animation the first frame is \
        read. `depth = "full"` keeps all 16 bits. What a decoder finds odd but not wrong in a JPEG is \
        a warning, shown with `kilpi -W` or after `warn("@on")`.
        """,
      options: [.any("depth", type: "8|\"full\"", "bits a channel: 8, or \"full\"")],
      example: """
        local path = os.tmpname() .. ".png"
        image.save(path, tensor.full({3, 2, 4}, 0.2))
        print(table.concat(image.load(path):shape(), " "))  --> 3 2 4
        os.remove(path)
        """
    ) { call in
      let path = try call.path(1)
      let options = try call.options(2)
      let depth = options.value("depth")
      if depth.string == "full" {
        return [try ImageFile.loadDeep(path, onWarning: call.warning).tensor()]
      }
      guard depth.isNil || depth.int == 8 else {
        throw options.problem("depth", "must be 8 or \"full\"")
      }
      return [try ImageFile.load(path, onWarning: call.warning).tensor()]
    },
    Entry(
      "save", "(path: string, image: tensor [, options])",
      doc: """
        Writes an image by the extension of the path: .png, .jpg or .ppm; values are rounded to the \
        nearest level. The file appears whole or not at all.
        """,
      options: [.bits],
      example: """
        local path = os.tmpname() .. ".png"
        image.save(path, tensor.full({3, 2, 2}, 0.5), {bits = 16})
        print(image.load(path, {depth = "full"})[1][1][1]:item() == 32768 / 65535)  --> false
        os.remove(path)
        """
    ) { call in
      let path = try call.path(1, writing: true)
      let tensor = try call.image(2)
      if try call.options(3).bits() == 16 {
        try ImageFile.save(DeepImage(tensor), to: path)
      } else {
        try ImageFile.save(PixelImage(tensor), to: path)
      }
      return []
    },
    Entry(
      "save_adversarial",
      "(path: string, adversarial: tensor, clean: tensor, eps: number|string [, options]) -> tensor, table",
      doc: """
        Writes an adversarial image as PNG so that the L∞ budget holds in the file: each channel takes \
        the nearest level inside it. Gives the image read back from the file, and a report with `path`, \
        `bits`, the distances `given`, `saved` and `eight_bit`, `changed` and `warnings`; with a \
        classifier also `prediction` and `success`, judged on the file.
        """,
      options: [
        .bits,
        .any("classifier", type: "classifier|function", "judges the image read back"),
        .integer("label", range: 1...Int.max, "the true class, from 1"),
      ],
      example: """
        local path = os.tmpname() .. ".png"
        local clean = tensor.full({3, 2, 2}, 128 / 255)
        local saved, report = image.save_adversarial(path, clean + 0.01, clean, "4/255")
        print(string.format("%.4f", report.saved.linf), report.changed)  --> 0.0118\t12
        os.remove(path)
        """
    ) { call in try saveAdversarial(call) },
  ]

  private static func saveAdversarial(_ call: Call) throws -> [any LuaConvertible] {
    let path = try call.path(1, writing: true)
    let (adversarial, clean) = (try call.image(2), try call.image(3))
    let epsilon = try call.budget(4)
    let options = try call.options(5)
    let classifier = try options.classifierIfGiven("classifier")
    let label = try options.integerIfGiven("label")
    let report = try AdversarialImageFile.save(
      adversarial: adversarial, clean: clean, epsilon: epsilon, bits: options.bits(), path: path)
    func distances(_ value: ImageDistances) -> LuaRecord {
      ["linf": value.linf, "l2": value.l2, "l1": value.l1]
    }
    var record: LuaRecord = [
      "path": report.path, "bits": report.bits, "given": distances(report.given),
      "saved": distances(report.saved), "eight_bit": distances(report.eightBit),
      "changed": report.changedValues, "warnings": report.warnings,
    ]
    if let classifier {
      let logits = try Tensor.withoutGradients {
        try classifier(try report.reloaded.unsqueezed(0))
      }
      let prediction = try logits.topClasses { _ in "the saved image" }[0] + 1
      record["prediction"] = prediction
      if let label { record["success"] = prediction != label }
    }
    return [report.reloaded, record]
  }

  static let shapes: [Entry] = [
    Entry(
      "resize", "(image: tensor, size: integer|integer[] [, options]) -> tensor",
      doc: """
        The image (or batch) at another size: `{height, width}`, or one number for the short side. 8-bit \
        images come out bit for bit as Pillow resizes them.
        """,
      options: [
        .choice(
          "filter", ["bicubic", "bilinear", "nearest"], default: "bicubic", "how pixels mix"),
        .boolean(
          "antialias", default: true,
          "widen the filter when shrinking; false: PyTorch's interpolate, cubic a = -0.75"),
      ],
      example: """
        local x = tensor.rand({3, 8, 16}, {seed = 1})
        print(table.concat(image.resize(x, 4):shape(), " "))  --> 3 4 8
        """
    ) { call in
      let tensor = try call.handle(1, as: Tensor.self)
      let options = try call.options(3)
      let filter = ResizeFilter(rawValue: try options.string("filter")) ?? .bicubic
      let antialias = try options.boolean("antialias")
      guard call.kind(2) == .table else {
        return [
          try ImageOperations.resizedShortSide(
            tensor, to: call.integer(2), filter: filter, antialias: antialias)
        ]
      }
      let size = try call.integers(2)
      guard size.count == 2 else {
        throw KilpiError("the size has \(size.count) numbers", advice: "it is {height, width}")
      }
      return [
        try ImageOperations.resized(
          tensor, width: size[1], height: size[0], filter: filter, antialias: antialias)
      ]
    },
    Entry(
      "center_crop", "(image: tensor, size: integer [, options]) -> tensor",
      doc: "The middle `size × size` pixels of an image or batch; a view, gradients pass.",
      options: [
        .choice(
          "rule", ["torchvision", "hf"], default: "torchvision",
          "whose rounding places an odd margin")
      ],
      example:
        "print(table.concat(image.center_crop(tensor.zeros{3, 8, 6}, 4):shape(), \" \"))  --> 3 4 4"
    ) { call in
      let rule = CropRule(rawValue: try call.options(3).string("rule")) ?? .torchvision
      return [try ImageOperations.centreCropped(call.handle(1), to: call.integer(2), rule: rule)]
    },
    Entry(
      "diff", "(a: tensor, b: tensor [, options]) -> tensor",
      doc: "The difference `0.5 + gain (a - b)`, cut to 0 … 1, so that small changes can be seen.",
      options: [.number("gain", default: 10, "how much the difference is amplified")],
      example: """
        local x = tensor.full({3, 1, 1}, 0.5)
        print(string.format("%.2f", image.diff(x + 0.02, x)[1][1][1]:item()))  --> 0.70
        """
    ) { call in
      [
        try ImageOperations.difference(
          call.handle(1), call.handle(2), gain: call.options(3).number("gain"))
      ]
    },
  ]

  static let pictures: [Entry] = [
    Entry(
      "grid", "(images: tensor|tensor[] [, options]) -> tensor",
      doc: "One picture `[3, H, W]` of many images side by side, on white; captions stand below.",
      options: [
        .integer("columns", range: 1...10_000, "images in a row; about square when not given"),
        .integer("scale", range: 1...64, "enlarges by a whole factor; small ones when not given"),
        .strings("captions", "a text below each image"),
        .string("title", "a line above all"),
      ],
      example: """
        local x = tensor.zeros{4, 3, 32, 32}
        print(image.grid(x, {columns = 2}):ndim())  --> 3
        """
    ) { call in
      let images = try call.pictures(1)
      let options = try call.options(2)
      let captions = try options.stringsIfGiven("captions") ?? []
      guard captions.isEmpty || captions.count == images.count else {
        throw options.problem(
          "captions", "has \(captions.count) texts for \(images.count) images")
      }
      var grid = ImageGrid(
        columns: try options.integerIfGiven("columns"), scale: try options.integerIfGiven("scale"))
      grid.title = try options.stringIfGiven("title") ?? ""
      let tiles = images.enumerated().map { index, image in
        ImageGrid.Tile(image, caption: captions.isEmpty ? "" : captions[index])
      }
      return [try grid.rendered(tiles).tensor()]
    },
    Entry(
      "show", "(image: tensor)",
      doc: "Shows an image, or a batch as a grid, in the terminal or notebook.",
      example: "image.show(tensor.zeros{3, 28, 28})  --> <image 3x28x28>"
    ) { call in
      try call.state.show(call.handle(1))
      return []
    },
  ]
}

extension OptionSpec {
  /// Bits a channel in a file.
  static let bits = any("bits", type: "8|16", "bits a channel in the file: 8 unless given, or 16")
}

extension Options {
  func bits() throws -> Int {
    guard has("bits") else { return 8 }
    guard let bits = value("bits").int, bits == 8 || bits == 16 else {
      throw problem("bits", "must be 8 or 16")
    }
    return bits
  }
}

extension Call {
  /// One image `[3, H, W]` or `[1, H, W]`; a batch of one counts as one.
  func image(_ index: Int) throws -> Tensor {
    let tensor = try handle(index, as: Tensor.self)
    return tensor.rank == 4 && tensor.shape[0] == 1 ? try tensor.selected(0, 0) : tensor
  }

  /// The pixels of a batch, or of a list of images.
  func pictures(_ index: Int) throws -> [PixelImage] {
    guard let tensor = try handleIfPresent(index, as: Tensor.self) else {
      return try handles(index, as: Tensor.self).map { try $0.picture() }
    }
    guard tensor.rank == 4 else { return [try tensor.picture()] }
    return try (0..<tensor.shape[0]).mapped { try PixelImage(tensor.selected(0, $0)) }
  }
}
