/// What multimodal methods may be told; each reads those that it names.
package struct MultimodalParameters: Parameterized, Sendable {
  /// `imageFirst` and `alternating`: which prompts may change.
  package var threat = TextThreat.all
  /// `alternating`: the most rounds, at least 1; the first is `imageFirst`.
  package var rounds = 3
  /// `coAttack`: the weight α of the text term, at least 0.
  package var alpha = 3.0
  /// As released code does: `coAttack` starts at `x + U(0, eps)` instead of `U(−eps, eps)`, which the
  /// model sees before it is cut to `[0, 1]`, and ends at its last point; `sga` takes its words from the
  /// masked language model one row off, and shows the image attack 30 tokens of a text.
  package var followsRelease = false
  /// `coAttack` over captions: one image that all its captions share, not one for each of them.
  package var isJoint = false
  /// `sga`: the scaled copies that an image is shown in beside itself.
  package var views = ScaledViews()
  /// `worst`: what is tried; empty for all methods that fit the task.
  package var methods: [MultimodalMethod] = []

  /// The defaults of docs/methods/multimodal-attacks.md, section 4.1.
  package init() {}

  /// All but the methods, in the order of records.
  package static var parameters: [Parameter<Self>] {
    [
      Parameter(
        "text_threat", \.threat,
        "image-first, alternating: which prompts may change for an image, those of the true class, of wrong ones, or all"
      ),
      Parameter("rounds", \.rounds, 1...1000, "alternating: the most rounds"),
      Parameter(
        "alpha", \.alpha, .within(0...1_000_000), "co-attack: weight of the text term"),
      Parameter(
        "joint", \.isJoint,
        "co-attack on captions: one image for all its captions, not one for each"),
      Parameter(
        "compat", \.followsRelease,
        "as released code does: co-attack starts at x + U(0, eps), uncut, and ends at its last point; sga takes an mlm's words one row off (mode coattack, 77 tokens) and shows "
          + "the image attack 30 tokens of a text"),
      Parameter("scales", \.views.scales, "sga: scales of the image's copies"),
      Parameter(
        "noise", \.views.noise, .within(0...1),
        "sga: deviation of the copies' noise in pixel units"),
    ]
  }
}
