/// Names of classes and functions that a PyTorch file may hold beside what Kilpi knows.
///
/// None of them is ever looked up or called, so nothing depends on this list: it tells a stranger's
/// settings, which are described, from an attack on whoever loads the file with Python.
enum ForeignNames {
  /// Modules whose functions start programs, load code or reach files.
  private static let modules: Set<String> = [
    "os", "posix", "nt", "sys", "subprocess", "importlib", "imp", "runpy", "pty", "socket",
    "shutil",
    "webbrowser", "ctypes", "code", "codeop", "pdb", "bdb", "commands", "timeit", "multiprocessing",
    "marshal", "pickle", "_pickle", "pip", "asyncio", "cProfile", "profile", "trace", "doctest",
    "pydoc",
    "signal", "threading", "torch.hub", "torch.jit",
  ]
  /// Functions of Python itself that run or reach what they are given.
  private static let builtins: Set<Substring> = [
    "eval", "exec", "execfile", "compile", "open", "file", "input", "raw_input", "breakpoint",
    "globals",
    "locals", "vars", "exit", "quit", "setattr", "delattr", "apply", "help", "reload",
  ]
  /// Functions that read other pickles.
  private static let functions: Set<String> = [
    "torch.load", "torch.serialization.load", "numpy.load", "joblib.load",
  ]

  /// Whether an object of this name is described rather than refused.
  static func isAllowed(_ global: String) -> Bool {
    guard let dot = global.lastIndex(of: "."), dot != global.startIndex,
      global.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
    else { return false }
    let parts = global.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty }) else { return false }
    // `__main__` is where scripts keep their classes; behind it such a name leads out of a class.
    let isHidden = parts.dropFirst().contains { $0.hasPrefix("__") && $0.hasSuffix("__") }
    if isHidden { return global == "copyreg.__newobj__" || global == "copyreg.__newobj_ex__" }
    if ["builtins", "__builtin__", "__builtins__"].contains(parts[0]) {
      return parts.count == 2 && !builtins.contains(parts[1])
    }
    for length in 1..<parts.count {
      let module = parts.prefix(length).joined(separator: ".")
      guard modules.contains(module) else { continue }
      // A class of such a module (`os.stat_result`, `torch.jit.RecursiveScriptModule`) runs nothing.
      let name = parts.last ?? ""
      return name.hasSuffix("_result") || name.first?.isUppercase == true && !runners.contains(name)
    }
    return !functions.contains(global)
  }

  /// Classes that start something when they are made.
  private static let runners: Set<Substring> = [
    "Popen", "Process", "Thread", "Timer", "Pool", "CDLL", "PyDLL", "WinDLL", "Pdb",
    "InteractiveInterpreter", "InteractiveConsole", "SourceFileLoader", "ExtensionFileLoader",
    "Unpickler",
    "Request", "CompilationUnit",
  ]
}
