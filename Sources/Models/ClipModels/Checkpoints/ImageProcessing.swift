internal import Diagnostics
internal import Files

/// How pixels become a model's input, as the files beside its weights say.
///
/// Kilpi's models take pixels in 0 … 1, resample to the model's side and normalise; what a file says is
/// brought into that form: `(x · 255 · f − m) / s` for a rescale factor f has the mean `m / (255 f)` and
/// the deviation `s / (255 f)`.
enum ImageProcessing {
  /// Takes over what the files say, and says once what is assumed or done otherwise.
  ///
  /// Hugging Face: `image_processor` in `processor_config.json` (what transformers 5 writes, and reads
  /// first), `preprocessor_config.json`, then Kilpi's own field of `config.json`. open_clip:
  /// `preprocess_cfg`, then these files.
  ///
  /// - Throws: `KilpiError` naming the field that is no such number.
  static func apply(
    to configuration: inout ClipConfiguration, beside json: JSONValue, _ place: CheckpointPlace,
    _ options: CheckpointOptions
  ) throws {
    let isOpenCLIP = json["vision_cfg"] != nil || json["model_cfg"] != nil
    let own = isOpenCLIP ? json["preprocess_cfg"] : json["kilpi"]
    // Their values were read and checked with the configuration.
    func tells(_ key: String) -> Bool { own?[key].map { $0 != .null } ?? false }
    var isTold = tells("mean") && tells("std")
    if isOpenCLIP, let own {
      try noteOtherResizing(
        own, size: own["size"], ["bicubic"], own["interpolation"], configuration, options)
    }
    // open_clip reads no other file, so its own word counts first.
    if !(isOpenCLIP && isTold), let (name, processor) = try processor(in: place.folder) {
      do {
        isTold = try read(processor, into: &configuration) || isTold
      } catch let error as KilpiError {
        throw KilpiError("\(error.problem) (in \(name))", advice: error.advice)
      }
      let size = processor["do_center_crop"] == false ? nil : processor["crop_size"]
      do {
        _ = try side(processor["size"])
        try noteOtherResizing(
          processor, size: size ?? processor["size"], ["3"], processor["resample"], configuration,
          options)
      } catch let error as KilpiError {
        throw KilpiError("\(error.problem) (in \(name))", advice: error.advice)
      }
    }
    if !isTold { noteAssumption(configuration, options) }
  }

  /// Says whose mean and deviation are taken where no file tells them.
  static func noteAssumption(_ configuration: ClipConfiguration, _ options: CheckpointOptions) {
    let isHalf = configuration.mean.allSatisfy { $0 == 0.5 }
    options.note(
      "no file says the mean and deviation of the pixels: "
        + (isHalf ? "SigLIP's (0.5)" : "OpenAI's (0.48145466, 0.4578275, 0.40821073)")
        + " are assumed; preprocessor_config.json or preprocess_cfg would say them")
  }

  /// The image processor's fields, and the file that holds them.
  private static func processor(in folder: String) throws -> (name: String, fields: JSONValue)? {
    func json(_ name: String) throws -> JSONValue? {
      let path = folder + "/" + name
      guard FileReader.exists(path) else { return nil }
      do {
        return try JSONValue.parse(FileReader.bytes(at: path, limit: 16 << 20))
      } catch let error as KilpiError where !error.problem.contains(path) {
        throw KilpiError("'\(path)' is \(error.problem)", advice: error.advice)
      }
    }
    if let inner = try json("processor_config.json")?["image_processor"], inner.object != nil {
      return ("processor_config.json", inner)
    }
    return try json("preprocessor_config.json").map { ("preprocessor_config.json", $0) }
  }

  /// - Returns: whether mean and deviation are given.
  private static func read(
    _ fields: JSONValue, into configuration: inout ClipConfiguration
  ) throws -> Bool {
    func isOff(_ key: String) throws -> Bool {
      guard let field = fields[key], field != .null else { return false }
      guard let flag = field.bool else {
        throw KilpiError("configuration: '\(key)' is not true or false")
      }
      return !flag
    }
    var (mean, deviation) = (
      try ClipConfiguration.channels(fields, "image_mean"),
      try ClipConfiguration.channels(fields, "image_std")
    )
    // A class's own numbers, where its file leaves them out.
    let type =
      fields["image_processor_type"]?.string ?? fields["feature_extractor_type"]?.string ?? ""
    if type.hasPrefix("CLIP") {
      mean = mean ?? ClipConfiguration.openAIMean
      deviation = deviation ?? ClipConfiguration.openAIDeviation
    } else if type.hasPrefix("Siglip") || type.hasPrefix("ViTImage") || type.hasPrefix("ViTFeature")
    {
      mean = mean ?? [0.5, 0.5, 0.5]
      deviation = deviation ?? [0.5, 0.5, 0.5]
    }
    if try isOff("do_normalize") { (mean, deviation) = ([0, 0, 0], [1, 1, 1]) }
    let isTold = mean != nil && deviation != nil
    var factor = 1.0 / 255
    if let field = fields["rescale_factor"], field != .null {
      guard let number = field.double, number > 0, number.isFinite else {
        throw KilpiError(
          "configuration: 'rescale_factor' is \(field.serialized().prefix(40)), no number above 0")
      }
      factor = number
    }
    if try isOff("do_rescale") { factor = 1 }
    if let mean { configuration.mean = mean }
    if let deviation { configuration.deviation = deviation }
    // 1/255 in files is rounded to fewer digits or more.
    let scale = 255 * factor
    if (scale - 1).magnitude > 1e-6 {
      configuration.mean = configuration.mean.map { $0 / scale }
      configuration.deviation = configuration.deviation.map { $0 / scale }
    }
    return isTold
  }

  /// The side of a size in pixels: a number, a list of one or two, or a record of sides; -1 for one that is
  /// no square, nil for none.
  ///
  /// - Throws: `KilpiError` for what is no size.
  private static func side(_ size: JSONValue?) throws -> Int? {
    guard let size, size != .null else { return nil }
    let members = size.object?.filter { $0.value != .null }
    let sides = (size.array ?? members?.map(\.value) ?? [size]).map { $0.int ?? 0 }
    let isSize =
      size.array.map { (1...2).contains($0.count) }
      ?? members.map { !$0.isEmpty && $0.allSatisfy { sideNames.contains($0.key) } } ?? true
    guard isSize, sides.allSatisfy({ $0 > 0 }) else {
      throw KilpiError(
        "configuration: the size \(size.serialized().prefix(60)) is no size of images",
        advice: "a number of pixels, [height, width], or {\"height\": 224, \"width\": 224}")
    }
    guard size.object != nil else { return sides.allSatisfy { $0 == sides[0] } ? sides[0] : -1 }
    let height = size["height"]?.int ?? size["shortest_edge"]?.int
    return size["width"]?.int ?? height == height ? height : -1
  }

  /// transformers' names of sides.
  private static let sideNames = [
    "height", "width", "shortest_edge", "longest_edge", "max_height", "max_width",
  ]

  /// Says where the file's resizing is not what happens inside the model.
  ///
  /// - Throws: `KilpiError` for a size or a filter that is none.
  private static func noteOtherResizing(
    _ fields: JSONValue, size: JSONValue?, _ bicubic: [String], _ resample: JSONValue?,
    _ configuration: ClipConfiguration, _ options: CheckpointOptions
  ) throws {
    if let side = try side(size), side != configuration.imageSize {
      options.note(
        "the image processor makes images of \(size?.serialized().prefix(60) ?? "") pixels, the model "
          + "takes \(configuration.imageSize): images are resized to that")
    }
    let names = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]
    if let resample, resample != .null {
      guard resample.string != nil || resample.int.map(names.indices.contains) == true else {
        throw KilpiError(
          "configuration: the resampling \(resample.serialized().prefix(60)) is no filter",
          advice: "Pillow's are 0 … 5: " + names.joined(separator: ", "))
      }
    }
    if let resample, resample != .null,
      !bicubic.contains(resample.string ?? resample.int.map { String($0) } ?? "")
    {
      let name =
        resample.int.flatMap { names.indices.contains($0) ? names[$0] : nil } ?? resample.string
        ?? resample.serialized()
      options.note(
        "the image processor resizes by '\(name.prefix(20))', the model's own resizing is bicubic: give "
          + "images of \(configuration.imageSize) pixels that were resized so")
    }
  }
}
