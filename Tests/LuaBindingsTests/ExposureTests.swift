import Attacks
import Files
import LuaHost
import Testing

@testable import LuaBindings

/// Every public operation of `Tensors/Ops` is reachable from Lua, or stands here with the reason.
@Suite struct ExposureTests {
  /// Operations that Lua calls by another name: Swift's name and the method or function of Lua.
  static let renamed: [String: String] = [
    "quickGELU": "quick_gelu", "clamped": "clamp", "cloned": "clone", "pow": "__pow",
    "floorDivided": "__idiv", "remainder": "__mod", "+": "__add", "-": "__sub", "*": "__mul",
    "/": "__div", "equal": "eq", "less": "lt", "lessEqual": "le", "greater": "gt",
    "greaterEqual": "ge", "select": "where", "variance": "var", "standardDeviation": "std",
    "logSumExp": "logsumexp", "product": "prod", "topK": "topk", "sorted": "sort",
    "cumulativeSum": "cumsum", "logSoftmax": "log_softmax", "normalized": "normalize",
    "crossEntropy": "tensor.cross_entropy", "klDivergence": "tensor.kl_div",
    "meanSquaredError": "tensor.mse", "reshaped": "reshape", "permuted": "permute",
    "transposed": "transpose", "squeezed": "squeeze", "unsqueezed": "unsqueeze",
    "expanded": "expand", "flattened": "flatten", "narrowed": "narrow", "selected": "index",
    "flipped": "flip", "padded": "pad", "indexSelected": "index_select", "gathered": "gather",
    "concatenated": "tensor.cat", "stacked": "tensor.stack",
  ]

  static let notExposed: [String: String] = [
    "linear": "a fused kernel of models; scripts write matmul and +",
    "mlp": "a fused kernel of models; scripts write matmul, + and an activation",
    "pooledAttention": "a fused kernel of models",
    "convolution": "a kernel of models",
    "tanhGELU": "gelu{approximate = \"tanh\"} does it",
    "attention": "a fused kernel of models",
    "layerNorm": "a fused kernel of models",
    "embedding": "index_select does it",
    "patches": "a fused kernel of models",
    "adamWStep": "the optimiser of train.run", "sumOfSquares": "the gradient norm of train.run",
    "signStepped": "a fused step of attacks",
    "firstNotFinite": "a check of attacks and training",
    "finiteScores": "the check behind every verdict of classifiers and attacks",
    "checkFiniteScores": "the same check where scores are read as they lie",
    "topClasses": "cls:predict does it", "topClass": "cls:predict does it",
  ]

  @Test func everyOperationIsAccountedFor() throws {
    let catalog = KilpiCatalog.catalog
    let methods = TensorType.type.methods.map(\.name) + TensorType.type.metamethods.map(\.name)
    for (name, lua) in Self.renamed where lua != "index" {
      let isThere = methods.contains(lua) || catalog.item(named: lua) != nil
      #expect(isThere, "\(name) should be behind \(lua)")
    }
    let folder = CatalogTests.root + "/Sources/Engine/Tensors/Ops"
    var found: Set<String> = []
    for file in try FileReader.names(in: folder) where file.hasSuffix(".swift") {
      let text = String(decoding: try FileReader.bytes(at: "\(folder)/\(file)"), as: UTF8.self)
      for match in text.matches(of: /public (?:static )?(?:prefix )?func ([^\s(]+) ?\(/) {
        found.insert(String(match.1))
      }
    }
    #expect(found.count > 60)
    for name in found.sorted() {
      #expect(
        methods.contains(name) || Self.renamed[name] != nil || Self.notExposed[name] != nil,
        "\(name) is neither exposed nor on the list of what is not")
    }
  }

  /// What scripts can call has a row of the conformance tables, which every promise is held against.
  @Test func everyAttackHasItsConformanceRow() throws {
    func text(_ file: String) throws -> String {
      try FileReader.text(at: CatalogTests.root + "/Tests/AttacksTests/" + file)
    }
    let images = try text("AttackToys.swift") + text("NearestConformance.swift")
    // A set of attacks is tested as one, its stages by their own rows.
    for row in ImageAttackRow.all where !(row.attack is AutoAttack) {
      #expect(images.contains("\(type(of: row.attack))("), "\(row.name) has no conformance row")
    }
    let texts = try text("TextConformance.swift")
    for search in TextSearch.all {
      #expect(texts.contains("(\"\(search.name)\", ."), "\(search.name) has no conformance row")
    }
    // Methods of both sides are tested over all there are.
    #expect(try text("MultimodalTests.swift").contains("arguments: MultimodalMethod.allCases"))
  }
}
