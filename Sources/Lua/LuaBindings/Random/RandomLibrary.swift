internal import Diagnostics
internal import LuaHost
internal import Tensors

/// A generator of a script's own: a sequence of numbers that nothing else draws from.
final class RandomGenerator: LuaObject {
  var stream: RandomStream
  let seed: Int

  init(seed: Int) {
    self.seed = seed
    stream = RandomSource(seed: UInt64(bitPattern: Int64(seed))).stream(.script)
  }
}

/// The module `random`.
enum RandomLibrary {
  static let library = Library(
    "random",
    doc: """
      Random numbers that are the same for the same seed, on every machine and whatever the number of \
      threads.
      """,
    entries: [
      Entry(
        "seed", "(n: integer)",
        doc: """
          Sets the root of all randomness that names no `seed` of its own, and starts the sequence of \
          interactive draws anew. The root is 0 at start.
          """,
        example: """
          random.seed(3)
          local a = tensor.rand{1}:item()
          random.seed(3)
          print(tensor.rand{1}:item() == a)  --> true
          """
      ) { call in
        call.randomRoot.restart(seed: UInt64(bitPattern: Int64(try call.integer(1))))
        return []
      },
      Entry(
        "generator", "(n: integer) -> random generator",
        doc: "A generator with a sequence of its own, which starts from the seed `n`.",
        example: """
          local g = random.generator(1)
          print(#g:permutation(5):to_table())  --> 5
          """
      ) { call in [RandomGenerator(seed: try call.integer(1))] },
    ],
    elsewhere: [
      "manual_seed": "random.seed(n)", "randomseed": "random.seed(n)",
      "default_rng": "random.generator(n)", "rand": "tensor.rand(shape)",
      "randn": "tensor.randn(shape)",
    ])

  static let generatorType = HandleType(
    RandomGenerator.self, name: "random generator",
    doc: "A sequence of random numbers; each call draws further ones.",
    methods: [
      Method(
        "rand", "(shape: integer[] [, options]) -> tensor", doc: "Uniform numbers in [0, 1).",
        options: [.floatingDtype],
        example: "print(random.generator(1):rand{2}:numel())  --> 2"
      ) { generator, call in
        let (shape, options) = try call.shapeAndOptions()
        return [
          try Tensor.random(shape, stream: &generator.stream, dtype: options.dtype())
        ]
      },
      Method(
        "randn", "(shape: integer[] [, options]) -> tensor", doc: "Standard normal numbers.",
        options: [.floatingDtype],
        example: "print(random.generator(1):randn{2, 2}:numel())  --> 4"
      ) { generator, call in
        let (shape, options) = try call.shapeAndOptions()
        return [
          try Tensor.randomNormal(shape, stream: &generator.stream, dtype: options.dtype())
        ]
      },
      Method(
        "permutation", "(n: integer) -> tensor", doc: "The numbers 1 … n in random order, int64.",
        example: "print(random.generator(1):permutation(4):sum():item())  --> 10"
      ) { generator, call in
        let count = try call.size(1)
        return [try Tensor.permutation(count, from: 1, stream: &generator.stream)]
      },
      Method(
        "integers", "(low: integer, high: integer [, shape: integer[]]) -> tensor|integer",
        doc: "Integers from `low` to `high`, both included: one number, or an int64 tensor.",
        example: "print(random.generator(1):integers(7, 7, {3}):sum():item())  --> 21"
      ) { generator, call in
        let (low, high) = (Int64(try call.integer(1)), Int64(try call.integer(2)))
        guard low <= high else {
          throw KilpiError("there is no integer in \(low) … \(high)")
        }
        if call.isNone(3) { return [generator.stream.integer(in: low...high)] }
        let shape = try call.integers(3)
        let values = try Tensor.makeIntegers(shape) { values in
          for index in values.indices {
            if index & 0xFFFF == 0xFFFF { try Interrupts.poll() }
            values[index] = generator.stream.integer(in: low...high)
          }
        }
        return [values]
      },
    ],
    metamethods: [
      Entry("__tostring", "(g: random generator) -> string", doc: "Its seed.") { call in
        ["random generator, seed \(try call.handle(1, as: RandomGenerator.self).seed)"]
      }
    ])
}
