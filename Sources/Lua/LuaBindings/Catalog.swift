internal import Datasets
internal import Diagnostics
package import LuaHost
internal import TextModels

/// Everything that scripts find beyond Lua itself: one line a module, in the manual's order.
package enum KilpiCatalog {
  /// The modules with their functions, then the classes of values.
  package static let catalog = Catalog(
    libraries: modules.map(\.library), types: modules.flatMap(\.types))

  /// Where the files lie that come with Kilpi or with Debian's packages for it.
  package static var folders: [String] {
    [WordNet.defaultFolder, FashionMNIST.folder]
      + ((try? ResourceLocator.stdlib().path).map { [$0] } ?? [])
  }

  /// A module and the classes of values that its page explains.
  struct Module: Sendable {
    var library: Library
    var types: [HandleType] = []
  }

  /// To add a module: its table in a file (or folder) of its own, and one line here.
  static let modules: [Module] = [
    Module(library: TensorLibrary.library, types: [TensorType.type, TensorLibrary.guardType]),
    Module(library: RandomLibrary.library, types: [RandomLibrary.generatorType]),
    Module(library: ImageLibrary.library),
    Module(
      library: ClipLibrary.library,
      types: [
        ClipLibrary.modelType, ClipLibrary.classifierType, ClipLibrary.defendedType,
        ClipLibrary.smoothedType,
      ]),
    Module(library: TextLibrary.library, types: [TextLibrary.maskedModelType]),
    Module(library: AttackLibrary.library),
    Module(library: DataLibrary.library, types: [DatasetType.type]),
    Module(library: TrainLibrary.library, types: [TrainLibrary.stepType]),
    Module(
      library: EvalLibrary.library,
      types: [EvalLibrary.reportType, EvalLibrary.comparisonType, RetrievalEntries.reportType]),
    Module(library: PlotLibrary.library),
    Module(library: JSONLibrary.library, types: [JSONLibrary.nullType]),
    Module(library: ErrorsLibrary.library),
    Module(library: DisplayLibrary.library),
  ]
}
