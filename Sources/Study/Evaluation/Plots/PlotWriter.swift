internal import Diagnostics
internal import Files

/// Turns plots into pictures through gnuplot, and into text without it.
package enum PlotWriter {
  /// Names of the picture formats, which are also their file extensions.
  package static let formats = GnuplotScript.Format.allCases.map(\.rawValue)

  /// Writes a plot to a file; the extension (`.png`, `.svg`, `.pdf`) chooses the format.
  ///
  /// - Throws: `KilpiError` for another extension, a plot without data, when gnuplot is not there or
  ///   complains, and when the file cannot be written.
  package static func save(_ plot: PlotSpecification, to path: String) throws {
    let name = path.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    let suffix = name.lastIndex(of: ".").map { name[name.index(after: $0)...] } ?? ""
    guard GnuplotScript.Format(rawValue: suffix.lowercased()) != nil else {
      throw KilpiError(
        "cannot write a plot to '\(path)': '.\(suffix)' is no picture format here",
        advice: "end the name in .png, .svg or .pdf")
    }
    try AtomicFile.write(picture(plot, format: suffix.lowercased()), to: path)
  }

  /// The bytes of a picture.
  ///
  /// - Parameter format: one of `formats`.
  /// - Throws: see `save(_:to:)`; gnuplot is ended after 30 s and on interrupt.
  package static func picture(_ plot: PlotSpecification, format: String = "png") throws -> [UInt8] {
    try picture(plot, format: format, gnuplot: ChildProcess.find("gnuplot"))
  }

  /// The same with the program given, so that tests can take it away.
  static func picture(
    _ plot: PlotSpecification, format: String, gnuplot: String?
  ) throws -> [UInt8] {
    try plot.check()
    try plot.checkDrawable()
    guard let chosen = GnuplotScript.Format(rawValue: format) else {
      throw KilpiError(
        "unknown picture format '\(format.prefix(40))'",
        advice: "formats are " + formats.joined(separator: ", "))
    }
    guard let gnuplot else {
      throw KilpiError("gnuplot is not installed", advice: "apt install gnuplot-nox")
    }
    let script = try GnuplotScript.text(plot, format: chosen)
    let outcome = try ChildProcess.run(gnuplot, ["-d", "-"], input: script)
    guard outcome.status == 0, !outcome.output.isEmpty else {
      throw KilpiError("gnuplot failed: " + firstComplaint(outcome.errors, outcome.status))
    }
    return outcome.output
  }

  /// The line of gnuplot's messages that says what is wrong.
  private static func firstComplaint(_ errors: String, _ status: Int32) -> String {
    let lines = errors.split(separator: "\n").filter { line in
      line.contains(where: \.isLetter)
    }
    let line = lines.first { $0.contains("line ") && $0.contains(":") } ?? lines.last
    return line.map { String($0.prefix(200)) } ?? "it ended with status \(status)"
  }
}
