extension LuaState {
  /// The one object of class `T` that belongs to this state, made when it is first requested.
  ///
  /// Bindings keep here what is not a value of a script, such as the root of `random.seed`.
  public func attachment<T: AnyObject>(_ type: T.Type, make: () throws -> T) rethrows -> T {
    if let found = attachments[ObjectIdentifier(T.self)] as? T { return found }
    let made = try make()
    attachments[ObjectIdentifier(T.self)] = made
    return made
  }
}
