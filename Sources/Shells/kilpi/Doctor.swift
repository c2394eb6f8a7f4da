internal import Diagnostics
internal import Files
internal import Glibc
internal import Images
internal import Kernels
internal import LuaHost
internal import Notebook
internal import Processes

/// What this machine brings, for `kilpi doctor`.
struct Doctor {
  private let environment: [String: String]

  init(environment: [String: String]) {
    self.environment = environment
  }

  /// The report as text or JSON; with a model, what it is and what it computes.
  ///
  /// - Throws: what loading the model threw.
  func report(json: Bool, model: String?) throws -> String {
    if let threads = try Environment(environment).threads() {
      try RunPlan.check(threads: threads)
      WorkerPool.threads = threads
    }
    var sections = sections()
    if let model { sections.append(("model", try modelRows(model))) }
    if json {
      let members = sections.map { section in
        JSONValue.Member(
          section.name, .object(section.rows.map { JSONValue.Member($0.name, $0.value) }))
      }
      return JSONValue.object(members).serialized(indent: 1) + "\n"
    }
    let palette = Palette(
      isOn: ColorRule.isOn(
        choice: .auto, environment: environment, isTerminal: isatty(STDOUT_FILENO) == 1))
    let longest = sections.flatMap(\.rows).map(\.name.count).max() ?? 0
    var text = ""
    for section in sections {
      text += palette.strong(section.name) + "\n"
      for row in section.rows {
        let padding = String(repeating: " ", count: longest + 2 - row.name.count)
        text += "  " + row.name + padding + row.text + "\n"
      }
    }
    return text
  }

  private struct Row {
    var name: String
    var value: JSONValue
    var text: String

    init(_ name: String, _ text: String) {
      self.name = name
      self.text = text
      value = .string(text)
    }

    init(_ name: String, _ value: JSONValue, _ text: String) {
      self.name = name
      self.value = value
      self.text = text
    }
  }

  private func sections() -> [(name: String, rows: [Row])] {
    [
      ("program", programRows()), ("linear algebra", LinearAlgebra.rows().map(row)),
      ("memory", memoryRows()), ("terminal", terminalRows()), ("optional parts", partRows()),
    ]
  }

  private func row(_ fact: LinearAlgebra.Fact) -> Row { Row(fact.name, fact.value, fact.text) }

  private func programRows() -> [Row] {
    [
      Row("kilpi", KilpiVersion.current), Row("lua", String(LuaState.version.dropFirst(4))),
      Row("swift", Version.swift), Row("images", ImageFile.libraries),
      Row("standard library", standardFolder),
      Row("history", HistoryFile.path(environment: environment) ?? "off"),
    ]
  }

  private var standardFolder: String {
    do {
      return try ResourceLocator.stdlib().path
    } catch {
      return "not found: \(error)"
    }
  }

  /// Configuration and digest of a model, asked as a script would.
  private func modelRows(_ path: String) throws -> [Row] {
    let state = try LuaState(catalog: Plugins.catalog)
    defer { state.close() }
    let source = """
      local path = ...
      local model = clip.load(path)
      local config = model:config()
      local rows = {}
      local function add(name, value) rows[#rows + 1] = {name, tostring(value)} end
      add("model", model)
      add("weights", model:num_parameters())
      add("logit scale", string.format("%.4f", model:logit_scale()))
      local vision = config.vision_config or {}
      local side = math.tointeger(vision.image_size) or 224
      add("image side", side)
      local function digest(features)
        local list = features:to_table()[1]
        return string.format("%.4f %.4f %.4f %.4f", list[1], list[2], list[3], list[#list])
      end
      add("image digest", digest(model:encode_image(tensor.rand({1, 3, side, side}, {seed = 0}))))
      add("text digest", digest(model:encode_text{"a photo of a cat"}))
      return rows
      """
    do {
      let result = try state.run(source, chunkName: "=doctor", arguments: [path])
      return try (result.first?.table?.array() ?? []).map { row in
        Row(try row.table?.get(1).string ?? "", try row.table?.get(2).string ?? "")
      }
    } catch let error as LuaError {
      throw error.cause ?? error
    }
  }

  private func memoryRows() -> [Row] {
    guard let cap = MemoryCap.standard else { return [Row("cap", "none")] }
    return [Row("cap", .integer(Int64(cap)), "\(cap >> 20) MiB (80 % of what there is; --memory)")]
  }

  private func terminalRows() -> [Row] {
    let terminal = Terminal(environment: environment)
    let size = terminal.size
    let graphics = GraphicsChoice.auto.resolved(
      outputIsTerminal: terminal.outputIsTerminal, environment: environment)
    return [
      Row("kind", environment["TERM"] ?? "unknown"),
      Row("size", "\(size.columns) x \(size.rows)"),
      Row("line editing", .bool(terminal.canEdit), terminal.canEdit ? "yes" : "no"),
      Row("24-bit colour", .bool(terminal.hasTrueColor), terminal.hasTrueColor ? "yes" : "no"),
      Row("pictures", graphics.rawValue),
    ]
  }

  private func partRows() -> [Row] {
    OptionalPart.all.map { part in
      let isThere = part.isThere(environment)
      let version = isThere ? part.version?() : nil
      let text =
        isThere
        ? "found" + (version.map { ", version \($0)" } ?? "")
        : "missing: apt install \(part.package)"
      let value = JSONValue.record([
        "found": .bool(isThere), "package": .string(part.package), "for": .string(part.purpose),
      ])
      return Row(part.name, value, text + " (\(part.purpose))")
    }
  }
}

/// Something that Kilpi can use and that a Debian package brings.
struct OptionalPart {
  /// How its presence is seen.
  enum Sign {
    case program(String)
    case library(String)
    case file(String)
  }

  var name: String
  var package: String
  var purpose: String
  var sign: Sign
  /// Asks the part for its version, where it tells.
  var version: (@Sendable () -> String?)?

  static let all = [
    OptionalPart(
      name: "gnuplot", package: "gnuplot-nox", purpose: "plots", sign: .program("gnuplot")),
    OptionalPart(
      name: "WordNet", package: "wordnet-base", purpose: "synonyms of text attacks",
      sign: .file("/usr/share/wordnet/index.noun")),
    OptionalPart(
      name: "Fashion-MNIST", package: "dataset-fashion-mnist", purpose: "data of the demo",
      sign: .file("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")),
    OptionalPart(
      name: "Open MPI", package: "openmpi-bin libopenmpi-dev", purpose: "several processes",
      sign: .library("libmpi.so.40"), version: { MessagePassing.version }),
  ]

  func isThere(_ environment: [String: String]) -> Bool {
    switch sign {
    case .file(let path): return access(path, R_OK) == 0
    case .program(let name):
      let folders = (environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
      return folders.contains { access("\($0)/\(name)", X_OK) == 0 }
    case .library(let name):
      guard let handle = dlopen(name, RTLD_LAZY | RTLD_LOCAL) else { return false }
      dlclose(handle)
      return true
    }
  }
}
