internal import Diagnostics

/// Comparison of recorded gradients with central differences in float64.
public enum GradientCheck {
  /// The largest error of the gradients of `function` at `inputs`.
  ///
  /// The error of a coordinate is `|numeric − analytic| / max(|numeric|, |analytic|, 1e-3 · max|g|)`;
  /// the function's result is weighted with fixed random numbers, so that no transposition hides in a
  /// sum. Two evaluations a coordinate.
  ///
  /// - Parameters:
  ///   - inputs: float64 tensors, away from kinks.
  ///   - perturbation: half the distance of the two evaluations.
  /// - Throws: `KilpiError` when an input is not float64, and whatever the function throws.
  public static func maximumError(
    inputs: [Tensor], perturbation: Double = 1e-6, _ function: ([Tensor]) throws -> Tensor
  ) throws -> Double {
    for (index, input) in inputs.enumerated() where input.dtype != .float64 {
      throw KilpiError(
        "input \(index + 1) is \(input.dtype.rawValue)", advice: "convert to float64",
        in: "gradcheck")
    }
    let leaves = try inputs.map { try $0.detached().cloned().setRequiresGradient(true) }
    let result = try function(leaves)
    var stream = RandomSource(seed: 7).stream(.script)
    let weight = try Tensor.randomNormal(result.shape, stream: &stream, dtype: .float64)
    func objective(_ value: Tensor) throws -> Tensor {
      try (try value.converted(to: .float64) * weight).sum()
    }
    guard result.requiresGradient else {
      throw KilpiError("the function's result does not depend on its inputs", in: "gradcheck")
    }
    let analytic = try Tensor.gradients(of: objective(result), with: leaves)
    var worst = 0.0
    try Tensor.withoutGradients {
      for (position, input) in inputs.enumerated() {
        let values = try input.doubles()
        let gradient = try analytic[position].doubles()
        let scale = gradient.map(abs).max() ?? 0
        for index in values.indices {
          func evaluate(_ value: Double) throws -> Double {
            var moved = values
            moved[index] = value
            var arguments = inputs.map { $0.detached() }
            arguments[position] = try Tensor(moved, shape: input.shape)
            return try objective(try function(arguments)).item()
          }
          let up = try evaluate(values[index] + perturbation)
          let down = try evaluate(values[index] - perturbation)
          let numeric = (up - down) / (2 * perturbation)
          let size = max(abs(numeric), abs(gradient[index]), 1e-3 * scale, 1e-12)
          let error = abs(numeric - gradient[index]) / size
          worst = error.isNaN ? .infinity : max(worst, error)
        }
      }
    }
    return worst
  }
}
