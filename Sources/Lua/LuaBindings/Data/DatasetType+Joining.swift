internal import Datasets
internal import Diagnostics
internal import LuaHost

extension DatasetType {
  static let joining: [Method<Dataset>] = [
    Method(
      "concat", "(other: dataset) -> dataset",
      doc: """
        The samples of this set, then those of the other, which must have the same classes (or captions, \
        too). Where two samples have one id, ids get the number of their set in front.
        """,
      example: """
        local ds = data.from(tensor.ones{2, 3, 4, 4}, {1, 2}, {"cat", "dog"})
        local both = ds:concat(ds)
        print(#both, both:ids()[3])  --> 4\t2/memory#0
        """
    ) { set, call in
      let other = try call.handle(1, as: Dataset.self)
      return [
        NewHandle(
          try Dataset.joined([set, other]), keeping: [call.receiverValue, call.value(1)])
      ]
    },
    Method(
      "split", "(shares: number[] [, options]) -> dataset, …",
      doc: """
        Random parts of the set by share, without overlap, each in the set's order: \
        `ds:split{0.8, 0.2, seed = 1}`. Shares add up to 1 at most.
        """,
      options: [
        .seed, .boolean("by_class", default: false, "the same mix of classes in all parts"),
      ],
      example: """
        local ds = data.from(tensor.ones{10, 3, 4, 4}, {1, 2, 1, 2, 1, 2, 1, 2, 1, 2})
        local train, test = ds:split({0.8, 0.2}, {seed = 1, by_class = true})
        print(#train, #test, test:labels():sum():item())  --> 8\t2\t3
        """
    ) { set, call in
      let (shares, options) = try call.listAndOptions()
      let parts = try set.split(
        shares.map { share in
          guard let number = share.double else {
            throw call.badArgument(1, "numbers expected, got \(share.typeName)")
          }
          return number
        }, random: call.randomSource(options), byClass: options.boolean("by_class"))
      return parts.map { NewHandle($0, keeping: [call.receiverValue]) }
    },
  ]
}
