internal import Diagnostics
internal import Tensors

/// Windows and patterns of `SquareAttack` for images of one shape.
struct SquareWindows {
  private let channels: Int
  private let height: Int
  private let width: Int
  private let norm: Norm

  init(shape: [Int], norm: Norm) {
    (channels, height, width) = (shape[1], shape[2], shape[3])
    self.norm = norm
  }

  /// Rows and columns of a window.
  struct Size: Equatable {
    var rows: Int
    var columns: Int
    var count: Int { rows * columns }
  }

  /// A window that holds this share of the pixels: square, odd and at least 3 for L2 and L1, but never
  /// higher or wider than the image.
  func size(share: Double) -> Size {
    let exact = Int(
      (share * Double(height) * Double(width)).squareRoot().rounded(.toNearestOrEven))
    let side = norm == .linf ? max(exact, 1) : max(exact, 3)
    let odd = norm != .linf && side % 2 == 0 ? side + 1 : side
    return Size(rows: min(odd, height), columns: min(odd, width))
  }

  /// Start points.
  func start(_ ball: Ball, _ streams: [RandomStream]) throws -> Tensor {
    guard norm != .linf else {
      return try ball.painted(ball.clean, streams) { stream, paint in
        for channel in 0..<channels {
          for column in 0..<width {
            let isUpper = stream.uniform() < 0.5
            for row in 0..<height { paint((channel * height + row) * width + column, isUpper) }
          }
        }
      }
    }
    return try ball.reshaped(ball.clean, streams) { stream, change in
      // Square tiles, a fifth of the shorter side.
      let side = max(1, min(height, width) / 5)
      let tile = Size(rows: side, columns: side)
      let margin = max(0, (min(height, width) - 5 * side) / 2)
      let pattern = Self.pattern(tile, norm, &stream)
      for top in stride(from: margin, through: height - side, by: side) {
        for left in stride(from: margin, through: width - side, by: side) {
          for channel in 0..<channels {
            let sign: Double = stream.uniform() < 0.5 ? -1 : 1
            for (i, place) in places((top, left), tile, channel: channel).enumerated() {
              change[place] = sign * pattern[i]
            }
          }
        }
      }
      scale(&change, to: ball.budget.epsilon)
    }
  }

  /// Points that differ from `point` in a window.
  func proposed(
    _ point: Tensor, _ ball: Ball, _ size: Size, _ streams: [RandomStream]
  ) throws -> Tensor {
    guard norm != .linf else {
      return try ball.painted(point, streams) { stream, paint in
        let corner = corner(size, &stream)
        for channel in 0..<channels {
          let isUpper = stream.uniform() < 0.5
          for place in places(corner, size, channel: channel) { paint(place, isUpper) }
        }
      }
    }
    return try ball.reshaped(point, streams) { stream, change in
      move(&change, size, ball.budget.epsilon, &stream)
    }
  }

  /// The upper left corner of a window: anywhere that the whole window fits.
  private func corner(_ size: Size, _ stream: inout RandomStream) -> (top: Int, left: Int) {
    (
      stream.integer(below: height - size.rows + 1),
      stream.integer(below: width - size.columns + 1)
    )
  }

  /// Places of a window's pixels in one channel, row by row.
  private func places(_ corner: (top: Int, left: Int), _ size: Size, channel: Int) -> [Int] {
    (0..<size.count).map { index in
      let row = corner.top + index / size.columns
      return (channel * height + row) * width + corner.left + index % size.columns
    }
  }

  private func move(
    _ change: inout [Double], _ size: Size, _ epsilon: Double, _ stream: inout RandomStream
  ) {
    let (target, source) = (corner(size, &stream), corner(size, &stream))
    let pattern = Self.pattern(size, norm, &stream)
    let power: (Double) -> Double = norm == .l2 ? { $0 * $0 } : { abs($0) }
    // Mass: squares for L2, magnitudes for L1.
    let budget = norm == .l2 ? epsilon * epsilon : epsilon
    var (whole, inWindows) = (0.0, 0.0)
    for value in change { whole += power(value) }
    for channel in 0..<channels {
      for row in 0..<height {
        for column in 0..<width {
          func contains(_ corner: (top: Int, left: Int)) -> Bool {
            (corner.top..<corner.top + size.rows).contains(row)
              && (corner.left..<corner.left + size.columns).contains(column)
          }
          guard contains(target) || contains(source) else { continue }
          inWindows += power(change[(channel * height + row) * width + column])
        }
      }
    }
    let mass = max(budget - whole, 0) / Double(channels) + inWindows
    for channel in 0..<channels {
      let places = places(target, size, channel: channel)
      let old = Self.scaled(places.map { change[$0] }, to: 1, norm)
      let sign: Double = stream.uniform() < 0.5 ? -1 : 1
      let length = norm == .l2 ? mass.squareRoot() : mass
      let sum = zip(old, pattern).map { $0 + sign * $1 }
      // In a window of a few pixels the two may cancel.
      let isNothing = sum.allSatisfy { $0 == 0 }
      let new = Self.scaled(isNothing ? pattern.map { sign * $0 } : sum, to: length, norm)
      for place in self.places(source, size, channel: channel) { change[place] = 0 }
      for (place, value) in zip(places, new) { change[place] = value }
    }
    scale(&change, to: epsilon)
  }

  private func scale(_ change: inout [Double], to size: Double) {
    change = Self.scaled(change, to: size, norm)
  }

  /// Values of the wanted L2 or L1 norm; zeros stay zeros.
  private static func scaled(_ values: [Double], to size: Double, _ norm: Norm) -> [Double] {
    let sum = values.reduce(0) { $0 + (norm == .l2 ? $1 * $1 : abs($1)) }
    let own = norm == .l2 ? sum.squareRoot() : sum
    return own > 0 ? values.map { $0 * size / own } : values
  }

  /// A pattern of unit norm, half of it positive and half negative, lying or standing.
  private static func pattern(
    _ size: Size, _ norm: Norm, _ stream: inout RandomStream
  ) -> [Double] {
    func lying(_ rows: Int, _ columns: Int) -> [Double] {
      let upper = rows / 2
      let halves =
        peak(upper, columns, norm) + peak(rows - upper, columns, norm).map { -$0 }
      return scaled(halves, to: 1, norm)
    }
    guard stream.uniform() >= 0.5 else { return lying(size.rows, size.columns) }
    // Standing: the lying one of the turned window, turned back.
    let turned = lying(size.columns, size.rows)
    return turned.indices.map {
      turned[$0 % size.columns * size.rows + $0 / size.columns]
    }
  }

  /// A sum of nested rectangles that grow from the centre, the `j`-th adding `1 / (j + 1)²` (L2) or
  /// `1 / (j + 1)⁴` (L1), of unit norm.
  static func peak(_ rows: Int, _ columns: Int, _ norm: Norm) -> [Double] {
    var values = [Double](repeating: 0, count: rows * columns)
    guard rows > 0, columns > 0 else { return values }
    var (top, left) = (rows / 2, columns / 2)
    for ring in 0..<max(rows / 2, columns / 2) + 1 {
      let weight = 1 / Double((ring + 1) * (ring + 1))
      for row in max(top, 0)..<min(top + 2 * ring + 1, rows) {
        for column in max(left, 0)..<min(left + 2 * ring + 1, columns) {
          values[row * columns + column] += norm == .l2 ? weight : weight * weight
        }
      }
      top -= 1
      left -= 1
    }
    return scaled(values, to: 1, norm)
  }
}

extension Ball {
  /// Images in which some pixels lie on their bounds: `paint(place, isUpper)` sets one.
  func painted(
    _ images: Tensor, _ streams: [RandomStream],
    _ body: (_ stream: inout RandomStream, _ paint: (Int, Bool) -> Void) throws -> Void
  ) throws -> Tensor {
    clean.dtype == .float32
      ? try painted(Float.self, images, streams, body)
      : try painted(Double.self, images, streams, body)
  }

  private func painted<T: PixelScalar>(
    _ type: T.Type, _ images: Tensor, _ streams: [RandomStream],
    _ body: (_ stream: inout RandomStream, _ paint: (Int, Bool) -> Void) throws -> Void
  ) throws -> Tensor {
    let n = clean.width
    return try T.read([images, lower, upper]) { read in
      try T.make(clean.shape) { out in
        for i in out.indices { out[i] = read[0][i] }
        for (row, first) in streams.enumerated() {
          var stream = first
          try body(&stream) { place, isUpper in
            out[row * n + place] = read[isUpper ? 2 : 1][row * n + place]
          }
        }
      }
    }
  }

  /// Images whose changes `body` rewrites, in float64, brought back into the ball.
  func reshaped(
    _ images: Tensor, _ streams: [RandomStream],
    _ body: (_ stream: inout RandomStream, _ change: inout [Double]) throws -> Void
  ) throws -> Tensor {
    let moved =
      clean.dtype == .float32
      ? try reshaped(Float.self, images, streams, body)
      : try reshaped(Double.self, images, streams, body)
    return try projected(moved)
  }

  private func reshaped<T: PixelScalar>(
    _ type: T.Type, _ images: Tensor, _ streams: [RandomStream],
    _ body: (_ stream: inout RandomStream, _ change: inout [Double]) throws -> Void
  ) throws -> Tensor {
    let n = clean.width
    return try T.read([clean, images]) { read in
      try T.make(clean.shape) { out in
        var change = [Double](repeating: 0, count: n)
        let flags = try mask?.integers()
        for (row, first) in streams.enumerated() {
          var stream = first
          for i in 0..<n { change[i] = Double(read[1][row * n + i]) - Double(read[0][row * n + i]) }
          try body(&stream, &change)
          if let flags { hold(&change, flags[row * n..<(row + 1) * n]) }
          for i in 0..<n { out[row * n + i] = T(Double(read[0][row * n + i]) + change[i]) }
        }
      }
    }
  }

  /// Takes a change from the pixels that a mask holds, and lets the others have the length it had.
  private func hold(_ change: inout [Double], _ flags: ArraySlice<Int64>) {
    func length() -> Double {
      let sum = change.reduce(0) { $0 + (budget.norm == .l2 ? $1 * $1 : abs($1)) }
      return budget.norm == .l2 ? sum.squareRoot() : sum
    }
    let before = length()
    for (i, flag) in flags.enumerated() where flag == 0 { change[i] = 0 }
    let after = length()
    guard after > 0 else { return }
    for i in change.indices { change[i] *= before / after }
  }
}
