package import Datasets
internal import Diagnostics
internal import Images
internal import LuaHost
internal import Tensors

extension Dataset: LuaObject {}

/// How scripts see a data set.
enum DatasetType {
  static let type = HandleType(
    Dataset.self, name: "dataset",
    doc: "Images with labels or captions. `#ds` is the number of samples.",
    methods: reading + choosing + joining,
    fields: [
      Field("class_names", type: "string[]", doc: "The classes' names; empty in caption sets.") {
        set, _ in
        set.classNames
      },
      Field("templates", type: "string[]", doc: "Prompt templates, with {c} for the class.") {
        set, _ in
        set.templates
      },
      Field("name", type: "string", doc: "The set's name.") { set, _ in set.name },
      Field("split", type: "string", doc: "The split; empty when there is none.") { set, _ in
        set.split
      },
      Field("notes", type: "string[]", doc: "What results made with this set must say.") { set, _ in
        set.notes
      },
    ],
    metamethods: [
      Entry("__len", "(ds: dataset) -> integer", doc: "The number of samples.") { call in
        [try call.handle(1, as: Dataset.self).count]
      },
      Entry("__tostring", "(ds: dataset) -> string", doc: "Name, split and sizes.") { call in
        let set = try call.handle(1, as: Dataset.self)
        let kind = set.hasCaptions ? "captions" : "\(set.classNames.count) classes"
        let split = set.split.isEmpty ? "" : " (\(set.split))"
        return ["dataset \(set.name)\(split): \(set.count) samples, \(kind)".withVisibleControls]
      },
    ])

  /// Sets made from a set keep its handle, and with it the Lua function of a `map`.
  static func derived(_ set: Dataset, _ call: Call) -> [any LuaConvertible] {
    [NewHandle(set, keeping: [call.receiverValue])]
  }

  static let reading: [Method<Dataset>] = [
    Method(
      "get", "(i: integer) -> table",
      doc: "Sample `i`, decoded: `image` `[3, H, W]`, `label` (from 1) or `captions`, and `id`.",
      example: """
        local ds = data.from(tensor.ones{1, 3, 4, 4}, {1}, {"cat"})
        print(ds:get(1).image:mean():item(), ds:get(1).id)  --> 1.0\tmemory#0
        """
    ) { set, call in
      let index = try call.position(1, count: set.count, what: "sample")
      let batch = try set.batch([index])
      var record: LuaRecord = ["image": try batch.images.selected(0, 0), "id": batch.ids[0]]
      if let label = try set.label(at: index) { record["label"] = label + 1 }
      if set.hasCaptions { record["captions"] = batch.captions[0] }
      return [record]
    },
    Method(
      "labels", "() -> tensor", doc: "All labels in order, from 1; int64.",
      example: """
        local ds = data.from(tensor.ones{2, 3, 4, 4}, {2, 1}, {"cat", "dog"})
        print(ds:labels()[1]:item())  --> 2
        """
    ) { set, _ in
      let labels = try Tensor.makeIntegers([set.count]) { labels in
        for index in labels.indices {
          if index & 0xFFF == 0xFFF { try Interrupts.poll() }
          guard let label = try set.label(at: index) else {
            throw KilpiError("\(set.name) has captions, not labels")
          }
          labels[index] = Int64(label) + 1
        }
      }
      return [labels]
    },
    Method(
      "ids", "() -> string[]", doc: "The stable ids of all samples, in order.",
      example: "print(data.from(tensor.ones{2, 3, 4, 4}, {1, 1}):ids()[2])  --> memory#1"
    ) { set, _ in [try (0..<set.count).mapped(bytes: 48) { try set.id(at: $0) }] },
    Method(
      "batches", "(size: integer [, options]) -> function",
      doc: """
        An iterator over batches: images `[N, 3, H, W]`, labels `[N]` (in caption sets the list of \
        captions of each sample), and ids. Order and augmentation depend on seed and epoch alone.
        """,
      options: [
        .boolean("shuffle", default: false, "random order"), .seed,
        .integer("epoch", default: 1, range: 1...Int.max, "another order each epoch"),
        .boolean("drop_last", default: false, "leave out a last batch that is smaller"),
        .table(
          "augment",
          [
            .integer("crop", default: 0, range: 0...1024, "largest shift in pixels"),
            .boolean("flip", default: false, "mirror half of the images"),
            .number("color", default: 0, range: 0...1, "largest relative change of brightness"),
          ], "random changes to each image"),
      ],
      example: """
        local ds = data.from(tensor.ones{5, 3, 4, 4}, {1, 2, 1, 2, 1})
        for images, labels in ds:batches(2) do io.write(#images, ":", labels[1]:item(), " ") end
        print()  --> 2:1 2:1 1:1\u{20}
        """
    ) { set, call in
      let iterator = try set.batches(batchOptions(call))
      let closure = LuaClosure("batches") { _ in
        guard let batch = try iterator.next() else { return [] }
        guard let labels = batch.labels else { return [batch.images, batch.captions, batch.ids] }
        return [batch.images, try labels.oneBased(), batch.ids]
      }
      // The loop's state keeps the set's handle while it runs.
      return [closure, call.receiverValue]
    },
  ]

  private static func batchOptions(_ call: Call) throws -> BatchOptions {
    let options = try call.options(2)
    var result = BatchOptions(size: try call.integer(1))
    result.shuffle = try options.boolean("shuffle")
    result.random = try call.randomSource(options)
    result.epoch = try options.integer("epoch").subtracting(1)
    result.dropLast = try options.boolean("drop_last")
    if options.has("augment") {
      let changes = try options.options("augment")
      var augmentation = Augmentation()
      augmentation.crop = try changes.integer("crop")
      augmentation.flip = try changes.boolean("flip")
      augmentation.color = try changes.number("color")
      result.augmentation = augmentation
    }
    return result
  }

  static let choosing: [Method<Dataset>] = [
    Method(
      "take", "(n: integer [, options]) -> dataset",
      doc: "The first `n` samples; with `seed`, `n` random ones in their order.",
      options: [.integer("seed", "root of the random choice")],
      example: "print(#data.from(tensor.ones{5, 3, 4, 4}, {1, 2, 1, 2, 1}):take(2))  --> 2"
    ) { set, call in
      let options = try call.options(2)
      let random = options.has("seed") ? try call.randomSource(options) : nil
      return derived(try set.take(call.integer(1), random: random), call)
    },
    Method(
      "per_class", "(n: integer [, options]) -> dataset",
      doc: "`n` random samples of each class, in their order; more shots contain fewer ones.",
      options: [.seed],
      example: "print(#data.from(tensor.ones{5, 3, 4, 4}, {1, 2, 1, 2, 1}):per_class(1))  --> 2"
    ) { set, call in
      derived(
        try set.perClass(call.integer(1), random: call.randomSource(call.options(2))), call)
    },
    Method(
      "subset", "(indices: integer[]|tensor|string) -> dataset",
      doc: "The samples at the indices, or those that an index file lists (there, from 0).",
      example:
        "print(data.from(tensor.ones{5, 3, 4, 4}, {1, 2, 1, 2, 1}):subset{4}:get(1).label)  --> 2"
    ) { set, call in
      if call.kind(1) == .string {
        return derived(try set.subset(indexFile: call.path(1)), call)
      }
      let indices: [Int]
      if let tensor = try call.handleIfPresent(1, as: Tensor.self) {
        indices = try tensor.wholeNumbers("indices")
      } else {
        indices = try call.integers(1)
      }
      return derived(
        try set.subset(
          indices.map { try Indexing.index($0, count: set.count, what: "sample") }), call)
    },
    Method(
      "map", "(f: function) -> dataset",
      doc: "The set with each image passed through `f(image, label, id)` when it is read.",
      example: """
        local ds = data.from(tensor.ones{1, 3, 4, 4}, {1}):map(function(x) return x * 0.5 end)
        print(ds:get(1).image:mean():item())  --> 0.5
        """
    ) { set, call in
      let function = try call.function(1)
      let mapped = set.map { sample in try transformed(sample, by: function) }
      return [NewHandle(mapped, keeping: [function, call.receiverValue])]
    },
  ]

  private static func transformed(_ sample: Sample, by function: LuaFunction) throws -> Sample {
    let image: Tensor
    switch sample.image {
    case .pixels(let pixels): image = try pixels.tensor()
    case .values(let values, let width, let height):
      image = try Tensor(values, shape: [3, height, width])
    }
    let label: LuaValue = sample.label.map { .integer(Int64($0) + 1) } ?? .nil
    let result = try function.first([image, label, sample.id])
    guard let changed = result.object(as: Tensor.self) else {
      throw KilpiError("the function gave a \(result.typeName) for \(sample.id), not an image")
    }
    guard changed.rank == 3, changed.shape[0] == 3 else {
      throw KilpiError(
        "the function gave \(ErrorText.shape(changed.shape)) for \(sample.id)",
        advice: "an image is [3, H, W]")
    }
    try PixelRange.check(changed, single: "the function's image for \(sample.id)")
    var copy = sample
    copy.image = .values(
      try changed.detached().floats(), width: changed.shape[2], height: changed.shape[1])
    return copy
  }
}
