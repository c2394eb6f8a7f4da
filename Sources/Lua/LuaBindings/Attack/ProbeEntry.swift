internal import Attacks
internal import Diagnostics
internal import LuaHost
internal import Tensors

extension AttackLibrary {
  /// Probes for masked gradients.
  static let probes = [
    Entry(
      "probe",
      "(classifier: classifier|function, images: tensor, labels: tensor|integer[] [, options]) "
        + "-> flags: string[]",
      doc: """
        Looks for signs that gradients are masked, so that robustness may be an illusion: random outputs, \
        outputs that depend on the batch, zero gradients, quantised inputs, a flat loss; a single step \
        or random points that beat PGD; samples that withstand fifty steps without a budget. At most 64 \
        images are used. Reports of attacks have the cheaper ones of these flags themselves.
        """,
      options: [
        .budget("eps", "budget in pixel units of [0, 1]; 1/255 for linf, no default for l2 and l1"),
        .choice("norm", Norm.allCases.map(\.rawValue), default: "linf", "norm of the budget"),
        .integer("steps", default: 10, range: 1...1_000_000, "steps of the PGD that is compared"),
        .seed,
      ],
      example: example + """
        print(#attack.probe(classify, x, y, {eps = "8/255"}))  --> 0
        local dead = function(x) return classify(x):detach() + (x:mean{axis = {2, 3, 4}, keepdim = true} - 2):relu():flatten(2) end
        print(attack.probe(dead, x, y)[1]:match("^[%w_]+"))  --> zero_gradient
        """
    ) { call in
      let options = try call.options(4)
      let (classifier, classes) = try call.classifier(1)
      let (images, _) = try call.images(2, tolerance: 0)
      let labels = try call.labels(3, classes: classes)
      guard labels.count == images.shape[0] else {
        throw KilpiError("there are \(labels.count) labels for \(images.shape[0]) images")
      }
      let settings = try ImageAttackOptions.settings(options, call, for: nil)
      var probes = SearchProbes(seed: settings.search.seed)
      probes.steps = try options.integer("steps")
      probes.firstIndex = 1
      probes.progress = call.progress
      let flags = try probes.flags(
        classifier, images: images, labels: labels, budget: settings.threat.budget)
      return [flags.map { "\($0.kind.rawValue): \($0.detail)" }]
    }
  ]
}
