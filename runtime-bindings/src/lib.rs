//! Typed subxt bindings and the chain client on top of them.
