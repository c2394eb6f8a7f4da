@main
struct Kilpi {
  static func main() {
    print("Kilpi")
  }
}
