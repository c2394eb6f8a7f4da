// swift-tools-version: 6.2
// Kilpi: adversarial robustness of vision-language models, from Lua. The map of the targets and the
// reason for each cut stand in ARCHITECTURE.md.
import PackageDescription

/// Every Swift target: members only from modules it imports itself, and no warning survives.
let strict: [SwiftSetting] = [
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

/// C targets hold leaf loops and library shims; they are optimised in debug builds too, which keeps
/// the tests quick.
let optimised: [CSetting] = [.unsafeFlags(["-O3", "-Wall", "-Werror", "-std=gnu17"])]

/// Modules that the tests compute with are optimised in debug builds too.
///
/// The tests then take a fifth of the time. `swift build -c release` optimises all.
let fast: [SwiftSetting] = [
  .unsafeFlags(
    ["-O", "-wmo", "-num-threads", "2", "-disable-batch-mode"],
    .when(configuration: .debug))
]

/// Only `Kernels` is built unchecked: its callers have checked every size.
let unchecked: [SwiftSetting] = [.unsafeFlags(["-Ounchecked"])]

/// The folder of a target under `Sources`: the floor that it stands on.
enum Floor: String {
  case c = "C"
  case engine = "Engine"
  case models = "Models"
  case study = "Study"
  case lua = "Lua"
  case shells = "Shells"

  func path(_ name: String) -> String { "Sources/\(rawValue)/\(name)" }
}

func swift(
  _ name: String, on floor: Floor, _ dependencies: [Target.Dependency],
  _ settings: [SwiftSetting] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: floor.path(name),
    swiftSettings: strict + settings)
}

func c(
  _ name: String, _ dependencies: [Target.Dependency] = [], libraries: [String] = []
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: Floor.c.path(name), cSettings: optimised,
    linkerSettings: libraries.map { .linkedLibrary($0) })
}

func debian(_ name: String, pkgConfig: String, package: String) -> Target {
  .systemLibrary(
    name: name, path: Floor.c.path(name), pkgConfig: pkgConfig, providers: [.apt([package])])
}

func test(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude,
    swiftSettings: strict)
}

/// Libraries from Debian, found through pkg-config.
let systemLibraries: [Target] = [
  debian("CLua", pkgConfig: "lua5.4", package: "liblua5.4-dev"),
  debian("COpenBLAS", pkgConfig: "openblas", package: "libopenblas-dev"),
  debian("CArchive", pkgConfig: "libarchive", package: "libarchive-dev"),
]

/// C of our own: interrupt flag, numeric leaf loops, and one shim for each library whose interface
/// Swift cannot call safely (variadic functions, setjmp, longjmp).
let cTargets: [Target] = [
  c("CInterrupt"),
  c("CSystem"),
  c("CKernels", ["CInterrupt"], libraries: ["pthread", "m"]),
  c("CDigest"),
  c("CMPI", ["CInterrupt"], libraries: ["dl"]),
  c("CLuaBridge", ["CLua", "CInterrupt"]),
  c("CPNG", ["CInterrupt"], libraries: ["png16"]),
  c("CTurboJPEG", libraries: ["jpeg", "turbojpeg"]),
  c("CWebP", libraries: ["webp", "webpdemux"]),
  c("CEditLine", libraries: ["edit"]),
]

/// Tensors, files, pictures, layers: know no model.
let engine: [Target] = [
  swift("Diagnostics", on: .engine, ["CInterrupt"]),
  swift("Files", on: .engine, ["CDigest", "CSystem", "Diagnostics"], fast),
  // Beside `Training` and `Evaluation`, which take a group as an argument and know no MPI.
  swift("Processes", on: .engine, ["CMPI", "Diagnostics"]),
  swift("Kernels", on: .engine, ["CKernels", "COpenBLAS", "CInterrupt"], unchecked),
  swift("Archives", on: .engine, ["CArchive", "Files", "Diagnostics"]),
  swift(
    "Tensors", on: .engine, ["Kernels", "CKernels", "Archives", "Files", "Diagnostics"], fast),
  swift(
    "Images", on: .engine, ["Tensors", "CPNG", "CTurboJPEG", "CWebP", "Files", "Diagnostics"],
    fast),
  swift("Networks", on: .engine, ["Tensors", "Kernels", "Diagnostics"]),
]

/// Pretrained models of images and texts; know no attack.
let models: [Target] = [
  swift(
    "ClipModels", on: .models,
    ["Networks", "Images", "Archives", "Tensors", "Kernels", "Files", "Diagnostics"], fast),
  swift("TextModels", on: .models, ["Networks", "Tensors", "Files", "Diagnostics"], fast),
]

/// Attacks, data, training, evaluation: a Swift library that knows no Lua.
let study: [Target] = [
  swift("Attacks", on: .study, ["Tensors", "Kernels", "Diagnostics"], fast),
  swift("Datasets", on: .study, ["Images", "Archives", "Tensors", "Files", "Diagnostics"]),
  // Attacks with models and all that fixes them: what trainers and evaluations take.
  swift(
    "AttackPlans", on: .study,
    ["ClipModels", "TextModels", "Attacks", "Networks", "Tensors", "Files", "Diagnostics"]),
  // Classifiers that act on an image before they say what it is.
  swift(
    "Defences", on: .study,
    ["AttackPlans", "ClipModels", "Attacks", "Networks", "Tensors", "Files", "Diagnostics"]),
  swift(
    "Training", on: .study,
    [
      "AttackPlans", "ClipModels", "Attacks", "Datasets", "Networks", "Images", "Tensors",
      "Processes", "Files", "Diagnostics",
    ]),
  swift(
    "Evaluation", on: .study,
    [
      "Kernels", "Networks", "Training", "AttackPlans", "ClipModels", "TextModels", "Attacks",
      "Datasets", "Images", "Tensors", "Processes", "Files", "Diagnostics",
    ]),
]

/// Scripts: the host of Lua, and the entries that scripts call.
let lua: [Target] = [
  swift("LuaHost", on: .lua, ["CLuaBridge", "CLua", "CInterrupt", "Files", "Diagnostics"]),
  swift(
    "LuaBindings", on: .lua,
    [
      "LuaHost", "Evaluation", "Training", "Defences", "AttackPlans", "ClipModels", "TextModels",
      "Attacks",
      "Datasets", "Networks", "Images", "Tensors", "Kernels", "Processes", "Files", "Diagnostics",
    ]),
]

/// What a person starts.
let shells: [Target] = [
  swift("Notebook", on: .shells, ["LuaHost", "CEditLine", "CInterrupt", "Files", "Diagnostics"]),
  .executableTarget(
    name: "kilpi",
    dependencies: [
      "LuaBindings", "Notebook", "LuaHost", "Diagnostics", "Files", "Images", "Kernels", "Tensors",
      "Processes", .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ],
    path: Floor.shells.path("kilpi"), swiftSettings: strict),
]

/// One test target a tested target; `TestSupport` holds comparisons and fixtures.
let tests: [Target] = [
  .target(
    name: "TestSupport", dependencies: ["Tensors", "Processes", "Diagnostics"],
    path: "Tests/TestSupport",
    swiftSettings: strict),
  test("DiagnosticsTests", ["Diagnostics"]),
  test("ProcessesTests", ["Processes", "Diagnostics"]),
  test("FilesTests", ["Files", "Diagnostics"]),
  test("ArchivesTests", ["Archives", "Diagnostics"]),
  test(
    "TensorsTests",
    ["Tensors", "Kernels", "CKernels", "CInterrupt", "Archives", "Diagnostics", "Files"]),
  test("ImagesTests", ["Images", "Tensors", "Files", "Diagnostics"]),
  test(
    "ClipModelsTests",
    [
      "ClipModels", "Networks", "Images", "Archives", "Tensors", "Kernels", "Files", "Diagnostics",
    ]),
  test(
    "TextModelsTests", ["TextModels", "Archives", "Networks", "Tensors", "Files", "Diagnostics"]),
  test("AttacksTests", ["Attacks", "Tensors", "Diagnostics"]),
  test("DatasetsTests", ["Datasets", "Images", "Archives", "Tensors", "Files", "Diagnostics"]),
  test(
    "TrainingTests",
    [
      "Training", "AttackPlans", "ClipModels", "TextModels", "Attacks", "Datasets", "Networks",
      "Tensors", "Processes", "Files", "Diagnostics",
    ]),
  test(
    "EvaluationTests",
    [
      "Evaluation", "Training", "AttackPlans", "ClipModels", "Attacks", "Datasets", "Images",
      "Tensors", "Processes", "Files", "Diagnostics",
    ]),
  test(
    "DefencesTests",
    ["Defences", "ClipModels", "Attacks", "Networks", "Tensors", "Files", "Diagnostics"]),
  test("LuaHostTests", ["LuaHost", "CInterrupt", "Files", "Diagnostics"]),
  test(
    "LuaBindingsTests",
    [
      "LuaBindings", "LuaHost", "Training", "AttackPlans", "Attacks", "Images", "Tensors", "Files",
      "Diagnostics", "CInterrupt",
    ],
    exclude: ["specs"]),
  test("NotebookTests", ["Notebook", "LuaHost", "CEditLine", "Files", "Diagnostics"]),
  test("CommandLineTests", ["Files", "Diagnostics"]),
]

let package = Package(
  name: "kilpi",
  products: [.executable(name: "kilpi", targets: ["kilpi"])],
  dependencies: [
    .package(
      url: "https://github.com/apple/swift-argument-parser", .upToNextMinor(from: "1.8.0"))
  ],
  targets: systemLibraries + cTargets + engine + models + study + lua + shells + tests,
  swiftLanguageModes: [.v6]
)
