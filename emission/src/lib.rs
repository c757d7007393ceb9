//! Yuma consensus and dTAO as pure, bit-exact functions, and the simulator over them.
