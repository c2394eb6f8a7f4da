-- Defects of docs/methods/defects.md as changes of the sources: `old`, which must stand
-- in the file exactly once, becomes `new`. Each puts one defect back; a test must then fail.
-- `tests` names the test target that has to notice it, AttacksTests where nothing is said.
local threat <const> = "Sources/Study/Attacks/Threat/"
local image <const> = "Sources/Study/Attacks/Image/"
local text <const> = "Sources/Study/Attacks/Text/"

return {
  {
    id = "B02", about = "images are normalised twice", tests = "ClipModelsTests",
    file = "Sources/Models/ClipModels/Encoders/VisionTransformer.swift",
    old = "let factor = configuration.deviation.map { 1 / $0 }\n"
      .. "    let offset = zip(configuration.mean, factor).map { -$0 * $1 }",
    new = "let factor = configuration.deviation.map { 1 / $0 / $0 }\n"
      .. "    let offset = zip(configuration.mean, configuration.deviation)\n"
      .. "      .map { -$0 / $1 / $1 - $0 / $1 }",
  },
  {
    id = "B04", about = "a misspelt loss is taken for cross-entropy",
    file = image .. "AttackLoss.swift",
    old = "named.first(where: { $0.name == name }) else {",
    new = "named.first(where: { $0.name == name }) ?? named.first else {",
  },
  {
    id = "B05", about = "no projection to the box, upper side", file = threat .. "Ball.swift",
    old = "out[index] = min(1, bound)", new = "out[index] = bound",
  },
  {
    id = "B05-lower", about = "no projection to the box, lower side", file = threat .. "Ball.swift",
    old = "out[index] = max(0, bound)", new = "out[index] = bound",
  },
  {
    id = "B06", about = "a ball around the previous iterate, not the clean image",
    file = image .. "ProjectedGradientDescent.swift",
    old = "point = try search.ball.stepped(kept.of(point), along: direction, by: length)",
    new = "point = try Ball(kept.of(point), search.ball.budget)\n"
      .. "        .stepped(kept.of(point), along: direction, by: length)",
  },
  {
    id = "B07", about = "a step beyond the ball", file = threat .. "Ball.swift",
    old = "images.signStepped(along: gradient, by: length, lower: lower, upper: upper)",
    new = "(images.detached() + gradient.sign() * length).clamped(0, 1)",
  },
  {
    id = "B08", about = "L2 start with radius r, not r^(1/d)", file = threat .. "Ball+Starts.swift",
    old = "epsilon * pow(stream.uniform(), 1 / Double(max(free, 1)))",
    new = "epsilon * stream.uniform()",
  },
  {
    id = "B09", about = "one-sided start U(0, eps)", file = threat .. "Ball+Starts.swift",
    old = "change[i] = 2 * stream.uniform() - 1", new = "change[i] = stream.uniform()",
  },
  {
    id = "B10", about = "L2 start drawn one-sided for each pixel",
    file = threat .. "Ball+Starts.swift",
    old = "change[i] = stream.normal() }\n      hold()\n      var squares",
    new = "change[i] = stream.uniform() }\n      hold()\n      var squares",
  },
  {
    id = "B11", about = "L2 in root-mean-square units", file = threat .. "Ball+Rows.swift",
    old = "let size = squares.squareRoot()",
    new = "let size = (squares / Double(max(count, 1))).squareRoot()",
  },
  {
    id = "B12", about = "a guard that dominates small norms", file = threat .. "RowScale.swift",
    old = "largest == 0 ? 0 : value / largest / rest", new = "value / (largest * rest + 1e-8)",
  },
  {
    id = "B13", about = "0/0 in a gradient's norm", file = threat .. "RowScale.swift",
    old = "largest == 0 ? 0 : value / largest / rest", new = "value / largest / rest",
  },
  {
    id = "B13-sizes", about = "a zero gradient has size 0/0", file = threat .. "RowScale.swift",
    old = "guard top > 0 else { return RowScale(largest: 0, rest: 1) }\n", new = "",
  },
  {
    id = "B14", about = "momentum normalised over the whole batch",
    file = image .. "MomentumIterative.swift",
    old = "let share = try RowScale.scaled(used, by: .mean)",
    new = "let share = try used / used.abs().mean().item()",
  },
  {
    id = "B15", about = "momentum accepted but never used",
    file = image .. "MomentumIterative.swift",
    old = "try sum.map { try kept.of($0) * decay + share } ?? share",
    new = "try sum.map { try kept.of($0) * (decay * 0) + share } ?? share",
  },
  {
    id = "B16", about = "the L1 step goes down", file = threat .. "Ball+Rows.swift",
    old = "for i in chosen { change[i] += read[4][start + i] > 0 ? part : -part }",
    new = "for i in chosen { change[i] += read[4][start + i] > 0 ? -part : part }",
  },
  {
    id = "B16-fill", about = "the L1 budget is spent downhill", file = threat .. "Ball+Rows.swift",
    old = "change[i] = isUp ? part : -part\n      left -= part",
    new = "change[i] = isUp ? -part : part\n      left -= part",
  },
  {
    id = "B17", about = "the mean of the losses, not their sum",
    file = image .. "PixelLeaf.swift",
    old = "let seed = try Tensor.ones(losses.shape, losses.dtype)",
    new = "let seed = try Tensor.ones(losses.shape, losses.dtype) / Double(max(losses.count, 1))",
  },
  {
    id = "B18", about = "targeted APGD counts the wrong direction as progress",
    file = image .. "AutoProjectedGradientDescent.swift",
    old = "let isBetter = losses.indices.map { losses[$0] > bestLosses[$0] }",
    new = "let isBetter = losses.indices.map { losses[$0] < bestLosses[$0] }",
  },
  {
    id = "B19", about = "the own class masked with a product", file = image .. "AttackLoss.swift",
    old = "Tensor.select(own, Tensor.scalar(-.infinity, logits.dtype), logits)",
    new = "Tensor.select(own, Tensor.scalar(0, logits.dtype), logits)",
  },
  {
    id = "B20", about = "C&W stops on the cost of the whole batch",
    file = image .. "CarliniWagner.swift",
    old = "isDone[position] = objective > 0.9999 * lastObjective[place]",
    new = "isDone = isDone.map { _ in objective > 0.9999 * lastObjective[place] }",
  },
  {
    id = "B21", about = "atanh(1) is infinite", file = image .. "CarliniWagner.swift",
    old = "(images * 2.0 - 1.0) * 0.999999", new = "(images * 2.0 - 1.0) * 1.0",
  },
  {
    id = "B22", about = "as many candidates as classes", file = image .. "DeepFool.swift",
    old = "let count = min(candidates, classes - 1)", new = "let count = candidates",
  },
  {
    id = "B24", about = "DDN steps without the last look",
    file = image .. "DecoupledDirectionNorm.swift",
    old = "    try search.visit(point)\n  }\n}", new = "  }\n}",
  },
  {
    id = "B24-last", about = "the last point in place of the best",
    file = image .. "BestPoints.swift",
    old = "? solved[position] : losses[position] > self.losses[index]",
    new = "? solved[position] : true",
  },
  {
    id = "B26", about = "probabilities pass for logits",
    file = image .. "ClassifierObjective.swift",
    old = "    try refuseProbabilities(logits)\n", new = "",
  },
  {
    id = "B27", about = "the mode at the call is not put back",
    file = image .. "PixelLeaf.swift",
    old = "  defer { for _ in 0..<pauses { GradientMode.pause() } }\n", new = "",
  },
  {
    id = "B28", about = "statistics of the batch are not noticed",
    file = "Sources/Study/Attacks/Flags/ModelProbes.swift",
    old = "if moved > 1e-3 {", new = "if moved > 1e9 {",
  },
  {
    id = "B29", about = "success of the search, not of what is returned",
    file = image .. "AttackJudge.swift",
    old = "report.success[row] = isMet(verdict.prediction, row: row)",
    new = "report.success[row] = best.solved[row - rows[0]]",
  },
  {
    id = "B30", about = "value · 255 is cut off", tests = "ImagesTests",
    file = "Sources/Engine/Images/Tensors/AdversarialImageFile.swift",
    old = "Int(target * Double(highest) + 0.5)", new = "Int(target * Double(highest))",
  },
  {
    id = "B31", about = "FGSM at half strength", file = image .. "FastGradientSign.swift",
    old = ": try search.ball.stepped(kept.of(clean), along: kept.of(gradient), by: budget.epsilon)",
    new = ": try search.ball.stepped(\n"
      .. "        kept.of(clean), along: kept.of(gradient), by: budget.epsilon / 2)",
  },
  {
    id = "B32", about = "robust accuracy over a set is not the AND over attacks",
    tests = "EvaluationTests",
    file = "Sources/Study/Evaluation/Robustness/EvaluationRun+Worst.swift",
    old = "prediction: nil, isCorrect: breaking.isEmpty)",
    new = "prediction: nil, isCorrect: breaking.count < scenarios.count - 1)",
  },
  {
    id = "B35", about = "KL is summed where cross-entropy is averaged", tests = "TensorsTests",
    file = "Sources/Engine/Tensors/Ops/Losses.swift",
    old = "let terms = try logP.exp() * (logP - q.logSoftmax())\n"
      .. "    return try terms.sum(axes: [-1]).reduced(reduction)",
    new = "let terms = try logP.exp() * (logP - q.logSoftmax())\n"
      .. "    return try terms.sum(axes: [-1]).reduced(reduction == .mean ? .sum : reduction)",
  },
  {
    id = "B36", about = "the loss counts one side of the similarities twice",
    tests = "TrainingTests",
    file = "Sources/Study/Training/ContrastiveLoss.swift",
    old = "let backward = try oneSided(similarities.transposed(), groups, targets)",
    new = "let backward = try oneSided(similarities, groups, targets)",
  },
  {
    id = "B37", about = "candidates of a masked model one position off", tests = "TextModelsTests",
    file = "Sources/Models/TextModels/Bert/MaskedLanguageModel+Candidates.swift",
    old = "rows[word.pass][word.rows.lowerBound + index - passes[word.pass].rows.lowerBound]",
    new = "rows[word.pass][\n      max(0, word.rows.lowerBound + index - 1 "
      .. "- passes[word.pass].rows.lowerBound)]",
  },
  {
    id = "B38", about = "stop words compared with case", file = text .. "StopWords.swift",
    old = "words.contains(isExact ? word : word.lowercased())", new = "words.contains(word)",
  },
  {
    id = "B40", about = "thousands of combinations of pieces", tests = "TextModelsTests",
    file = "Sources/Models/TextModels/Bert/MaskedLanguageModel+Candidates.swift",
    old = "static let count = 24", new = "static let count = 4096",
  },
  {
    id = "B43", about = "antonyms accepted as synonyms", tests = "TextModelsTests",
    file = "Sources/Models/TextModels/WordNet.swift",
    old = "    barred.formUnion(try antonyms(of: stem).map { $0.lowercased() })\n", new = "",
  },
  {
    id = "B44", about = "the first word of a text taken for the class name",
    file = text .. "TextPrompt.swift",
    old = "spans = [first..<words.words[best.start + best.count - 1].coreRange.upperBound]",
    new = "spans = [first..<words.words[min(best.start, 0)].coreRange.upperBound]",
  },
  {
    id = "B45", about = "an unknown activation is taken for GELU", tests = "ClipModelsTests",
    file = "Sources/Models/ClipModels/Configuration/ConfigurationFields.swift",
    old = "let activation = Activation(rawValue: text), activation != .none else {",
    new = "let activation = Optional(Activation(rawValue: text) ?? .gelu),\n"
      .. "      activation != Activation.none\n    else {",
  },
  {
    id = "B46", about = "pictures are made smaller without antialiasing", tests = "ImagesTests",
    file = "Sources/Engine/Images/Resizing/PillowResize.swift",
    old = "let widening = max(scale, 1)", new = "let widening = max(scale * 0, 1)",
  },
  {
    id = "B47", about = "a text ends at its largest token", tests = "ClipModelsTests",
    file = "Sources/Models/ClipModels/Encoders/TextTransformer.swift",
    old = "found = row.firstIndex(of: Int64(end))",
    new = "found = row.firstIndex(of: max(Int64(end), row.max() ?? 0))",
  },
  {
    id = "B49", about = "results of different resolutions are compared", tests = "EvaluationTests",
    file = "Sources/Study/Evaluation/Robustness/RobustnessComparison.swift",
    old = 'report.place == first.report.place ? "" : report.threatTitle,\n'
      .. '          report.place == first.report.place ? "" : first.report.threatTitle',
    new = '"", ""',
  },
  {
    id = "B50", about = "a subset keeps positions for ids", tests = "EvaluationTests",
    file = "Sources/Study/Evaluation/Robustness/EvaluationParts.swift",
    old = "id: ids[index], label: labels[index], cleanPrediction",
    new = "id: ids[0], label: labels[index], cleanPrediction",
  },
  {
    id = "B51", about = "a few-shot set that changes with the draw", tests = "DatasetsTests",
    file = "Sources/Study/Datasets/Dataset+Selection.swift",
    old = "for position in try stream.permutation(places.count)[..<n] {",
    new = "for position in try stream.permutation(n) {",
  },
  {
    id = "B52", about = "an unknown norm silently becomes linf", file = threat .. "Budget.swift",
    old = "guard let norm = Norm(rawValue: name.lowercased()) else {",
    new = "guard let norm = Norm(rawValue: name.lowercased()) ?? Norm.allCases.first else {",
  },
  {
    id = "B53", about = "class counts are not checked", tests = "EvaluationTests",
    file = "Sources/Study/Evaluation/Robustness/RobustnessEvaluation.swift",
    old = "subject.classNames.count != data.classNames.count {",
    new = "subject.classNames.count < 0, data.classNames.isEmpty {",
  },
  {
    id = "B54", about = "the state of a resumed evaluation loses its last bits",
    tests = "EvaluationTests",
    file = "Sources/Study/Evaluation/Robustness/SampleRecord+JSON.swift",
    old = "self[keyPath: path] = json[key]?.anyDouble }",
    new = "self[keyPath: path] = json[key]?.anyDouble?.rounded() }",
  },
  {
    id = "B54-checksum", about = "a damaged record is read", tests = "FilesTests",
    file = "Sources/Engine/Files/RecordFile.swift",
    old = "guard end == mark + Checksum.digits(Checksum.crc32(String(body))) + \"\\\"}\" else",
    new = "guard end.hasPrefix(mark) || body.isEmpty else",
  },
  {
    id = "B55", about = "text passes for a number", tests = "LuaBindingsTests",
    file = "Sources/Lua/LuaHost/Calls/Options.swift",
    old = 'guard let number = value.double else { throw mismatch(name, "a number", value) }',
    new = "guard let number = value.double ?? value.string.flatMap({ Double($0) }) else {\n"
      .. '      throw mismatch(name, "a number", value)\n    }',
  },
  {
    id = "B56", about = "a misspelt option is passed over", tests = "LuaBindingsTests",
    file = "Sources/Lua/LuaHost/Calls/Options.swift",
    old = "throw ErrorText.unknownOption(\n          name.display, known: specs.map(\\.name),\n"
      .. "          elsewhere: Self.homes(of: name.display, in: specs))",
    new = "continue",
  },
  {
    id = "B57", about = "decay of AdamW grows with the square of the rate", tests = "TrainingTests",
    file = "Sources/Engine/Networks/AdamW.swift",
    old = "let decay = decaysAll || tensor.rank >= 2 ? weightDecay : 0",
    new = "let decay = decaysAll || tensor.rank >= 2 ? weightDecay * learningRate : 0",
  },
  {
    id = "I7", about = "samples wrong when clean are attacked",
    file = image .. "AttackJudge.swift",
    old = "return !isDone(verdict.predictions[0], row)",
    new = "return verdict.predictions[0] >= 0",
  },
  {
    id = "B63", about = "accuracy of targeted attacks counted from the attack's goal",
    file = image .. "AttackReport.swift",
    old = "return (isWithin ? prediction : cleanPrediction)[index] == labels[index]",
    new = "return !(success[index] && isWithin)",
  },
  {
    id = "B63-label", about = "a target that is the label is attacked, and hit",
    file = image .. "Criterion.swift",
    old = "return prediction == targets[row] && prediction != labels[row]",
    new = "return prediction == targets[row]",
  },
  {
    id = "mask", about = "held pixels are shown as the search has them",
    file = threat .. "Ball.swift",
    old = "return try Tensor.select(mask, images, clean)", new = "return images",
  },
  {
    id = "slack", about = "L2 and L1 budgets with half a millionth to spare",
    file = threat .. "Ball+Rows.swift",
    old = "let (limit, wanted) = (budget.epsilon, budget.epsilon",
    new = "let (limit, wanted) = (budget.epsilon * (1 + 5e-7), budget.epsilon",
  },
  {
    id = "copies", about = "the attack works on the caller's own images",
    file = image .. "AttackRun.swift",
    old = "self.images = try images.detached().cloned()",
    new = "self.images = try images.detached().contiguous()",
  },
  {
    id = "ssim", about = "SSIM without its second constant", file = threat .. "ImageQuality.swift",
    old = "let (c1, c2) = (0.0001, 0.0009)", new = "let (c1, c2) = (0.0001, 0.0)",
  },
  {
    id = "I12", about = "restarts repeat the first run", file = image .. "PixelSearch.swift",
    old = "purpose, sample: run.ids[row], restart: restart,",
    new = "purpose, sample: run.ids[row], restart: 0,",
  },
  {
    id = "I25", about = "verdicts are not counted", file = image .. "ClassifierObjective.swift",
    old = "      ledger.count(forwards: rows)\n      var sum", new = "      var sum",
  },
}
