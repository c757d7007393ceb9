//! Moves bytes between peers through object storage, bounded, verified, resumable.
