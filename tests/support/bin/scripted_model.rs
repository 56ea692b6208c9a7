//! See the module of the same name.
fn main() {}
