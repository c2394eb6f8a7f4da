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
  .unsafeFlags(["-O", "-wmo", "-num-threads", "2"], .when(configuration: .debug))
]

/// Only `Kernels` is built unchecked: its callers have checked every size.
let unchecked: [SwiftSetting] = [.unsafeFlags(["-Ounchecked"])]

func swift(
  _ name: String, _ dependencies: [Target.Dependency], _ settings: [SwiftSetting] = []
) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict + settings)
}

func test(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude,
    swiftSettings: strict)
}

/// Libraries from Debian, found through pkg-config.
let systemLibraries: [Target] = [
  .systemLibrary(name: "CLua", pkgConfig: "lua5.4", providers: [.apt(["liblua5.4-dev"])]),
  .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
  .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
]

/// C of our own: interrupt flag, numeric leaf loops, and one shim for each library whose interface
/// Swift cannot call safely (variadic functions, setjmp, longjmp).
let cTargets: [Target] = [
  .target(name: "CInterrupt", cSettings: optimised),
  .target(name: "CSystem", cSettings: optimised),
  .target(
    name: "CKernels", dependencies: ["CInterrupt"], cSettings: optimised,
    linkerSettings: [.linkedLibrary("pthread"), .linkedLibrary("m")]),
  .target(name: "CDigest", cSettings: optimised),
  .target(
    name: "CMPI", dependencies: ["CInterrupt"], cSettings: optimised,
    linkerSettings: [.linkedLibrary("dl")]),
  .target(name: "CLuaBridge", dependencies: ["CLua", "CInterrupt"], cSettings: optimised),
  .target(
    name: "CPNG", dependencies: ["CInterrupt"], cSettings: optimised,
    linkerSettings: [.linkedLibrary("png16")]),
  .target(
    name: "CTurboJPEG", cSettings: optimised,
    linkerSettings: [.linkedLibrary("jpeg"), .linkedLibrary("turbojpeg")]),
  .target(
    name: "CWebP", cSettings: optimised,
    linkerSettings: [.linkedLibrary("webp"), .linkedLibrary("webpdemux")]),
  .target(name: "CEditLine", cSettings: optimised, linkerSettings: [.linkedLibrary("edit")]),
]

/// Floor 1: a Swift library for adversarial vision-language work; knows no Lua.
let library: [Target] = [
  swift("Diagnostics", ["CInterrupt"]),
  swift("Files", ["CDigest", "CSystem", "Diagnostics"], fast),
  // Beside `Training` and `Evaluation`, which take a group as an argument and know no MPI.
  swift("Processes", ["CMPI", "Diagnostics"]),
  swift("Kernels", ["CKernels", "COpenBLAS", "CInterrupt"], unchecked),
  swift("Archives", ["CArchive", "Files", "Diagnostics"]),
  swift("Tensors", ["Kernels", "CKernels", "Archives", "Files", "Diagnostics"], fast),
  swift("Images", ["Tensors", "CPNG", "CTurboJPEG", "CWebP", "Files", "Diagnostics"], fast),
  swift("Networks", ["Tensors", "Kernels", "Diagnostics"]),
  swift(
    "ClipModels",
    ["Networks", "Images", "Archives", "Tensors", "Kernels", "Files", "Diagnostics"], fast),
  swift("TextModels", ["Networks", "Tensors", "Files", "Diagnostics"], fast),
  swift("Attacks", ["Tensors", "Kernels", "Diagnostics"], fast),
  swift("Datasets", ["Images", "Archives", "Tensors", "Files", "Diagnostics"]),
  // Attacks with models and all that fixes them: what trainers and evaluations take.
  swift(
    "AttackPlans",
    ["ClipModels", "TextModels", "Attacks", "Networks", "Tensors", "Files", "Diagnostics"]),
  swift(
    "Training",
    [
      "AttackPlans", "ClipModels", "Attacks", "Datasets", "Networks", "Images", "Tensors",
      "Processes", "Files", "Diagnostics",
    ]),
  swift(
    "Evaluation",
    [
      "Kernels", "Networks", "Training", "AttackPlans", "ClipModels", "TextModels", "Attacks",
      "Datasets",
      "Images", "Tensors", "Processes", "Files", "Diagnostics",
    ]),
]

/// Floors 2 and 3, and the shells around them.
let edge: [Target] = [
  swift("LuaHost", ["CLuaBridge", "CLua", "CInterrupt", "Files", "Diagnostics"]),
  swift(
    "LuaBindings",
    [
      "LuaHost", "Evaluation", "Training", "AttackPlans", "ClipModels", "TextModels", "Attacks",
      "Datasets",
      "Networks", "Images", "Tensors", "Kernels", "Processes", "Files", "Diagnostics",
    ]),
  swift("Notebook", ["LuaHost", "CEditLine", "CInterrupt", "Files", "Diagnostics"]),
  .executableTarget(
    name: "kilpi",
    dependencies: [
      "LuaBindings", "Notebook", "LuaHost", "Diagnostics", "Files", "Images", "Kernels", "Tensors",
      "Processes", .product(name: "ArgumentParser", package: "swift-argument-parser"),
    ],
    swiftSettings: strict),
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
      "Tensors",
      "Processes", "Files", "Diagnostics",
    ]),
  test("LuaHostTests", ["LuaHost", "CInterrupt", "Files", "Diagnostics"]),
  test(
    "LuaBindingsTests",
    [
      "LuaBindings", "LuaHost", "Attacks", "Images", "Tensors", "Files", "Diagnostics",
      "CInterrupt",
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
  targets: systemLibraries + cTargets + library + edge + tests,
  swiftLanguageModes: [.v6]
)
