//! sn3: miners, validators and researchers of Subnet 3's training protocol in one binary.
fn main() {}
