/// Kilpi's own version: what the program prints and what reports are signed with.
package enum KilpiVersion {
  package static let current = "0.1.0"
}
