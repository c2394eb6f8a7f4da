import TestSupport
import Testing

/// A small share of `scripts/assure lua-fuzz`: calls made from the catalogue end no process, hang in
/// none, give no verdict about logits that are not finite, and every error says where (R9).
@Suite struct GeneratedCallTests {
  @Test func nothingIsFound() throws {
    let result = try Executable.shell(
      "cd '\(TestFiles.repository)' && $KILPI scripts/assurance/main.lua lua-fuzz --size smoke "
        + "--seed 1", seconds: 300)
    #expect(result.status == 0, "\(result.output)\(result.error)")
    #expect(result.output.contains("5 of 5 seeded defects found"))
  }

  /// What the calls are made from names every function, and says what options may be.
  @Test func theCatalogueIsData() throws {
    let result = try Executable.shell(
      """
      $KILPI catalogue | $KILPI -e '
        local c = json.decode(io.read("a"))
        for _, library in ipairs(c.libraries) do
          for _, f in ipairs(library.functions) do
            if library.name == "attack" and f.name == "pgd" then
              print(#f.parameters, f.parameters[2].type, #f.options > 10)
              for _, o in ipairs(f.options) do
                if o.name == "norm" then print(o.form, o.choices[1], o.default) end
              end
            end
          end
        end
        print(#c.types > 8)'
      """)
    #expect(result.error == "")
    #expect(result.output == "4\ttensor\ttrue\nchoice\tlinf\t\"linf\"\ntrue\n")
  }
}
