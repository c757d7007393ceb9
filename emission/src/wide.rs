//! Loops compiled for the widest instructions of the machine that runs them.

/// Work that [`pulp`] inlines into a function compiled for an instruction set.
///
/// The work is called by reference: by value, a closure that only borrows is called through a shim that is not
/// inlined, and its loops would keep the narrow instructions.
pub(crate) struct Wide<F>(pub F);

impl<R, F: FnMut() -> R> pulp::NullaryFnOnce for Wide<F> {
    type Output = R;

    #[inline(always)]
    fn call(mut self) -> R {
        (self.0)()
    }
}

/// Runs an expression compiled for the widest instructions; everything that it calls must be inlined.
macro_rules! fast {
    ($work:expr) => {
        pulp::Arch::new().dispatch(crate::wide::Wide(
            #[inline(always)]
            || $work,
        ))
    };
}
pub(crate) use fast;
