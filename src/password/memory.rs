//! The memory that argon2 works in, kept from one hash to the next. Called by the queue.
//!
//! Fresh pages cost a hash a good tenth of its time: the system clears them, and argon2 touches each.
//! There are never more areas than hashes run at once, because only a hash that runs takes one.

use std::sync::{Mutex, PoisonError};

use argon2::{Block, Params};
use zeroize::Zeroize;

/// The areas that no hash works in just now, each as large as the configured parameters ask for.
#[derive(Debug)]
pub(super) struct Memory {
    blocks: usize,
    spare: Mutex<Vec<Vec<Block>>>,
}

impl Memory {
    pub(super) fn for_params(params: &Params) -> Self {
        let (blocks, spare) = (params.block_count(), Mutex::default());
        Self { blocks, spare }
    }

    /// Lends `work` the memory that a hash under `params` needs. What a stored hash needs beyond the
    /// configured parameters is not kept.
    pub(super) fn lend<T>(&self, params: &Params, work: impl FnOnce(&mut [Block]) -> T) -> T {
        let needed = params.block_count();
        if needed > self.blocks {
            return work(&mut vec![Block::new(); needed]);
        }
        let spare = self.lock().pop();
        let mut area = spare.unwrap_or_else(|| vec![Block::new(); self.blocks]);
        let result = work(&mut area[..needed]);
        // After one pass the first blocks are a fast hash of the password; further passes overwrite them.
        if params.t_cost() == 1 {
            area[..needed].iter_mut().for_each(Zeroize::zeroize);
        }
        self.lock().push(area);
        result
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Block>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many areas are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(memory: u32, passes: u32) -> Params {
        Params::new(memory, passes, 1, None).unwrap()
    }

    #[test]
    fn an_area_is_used_again_and_a_larger_one_is_not_kept() {
        let memory = Memory::for_params(&params(64, 2));
        let place = |params: &Params| memory.lend(params, |blocks| (blocks.as_ptr(), blocks.len()));
        let (first, length) = place(&params(64, 2));
        assert_eq!(length, 64);
        assert_eq!(
            place(&params(32, 2)),
            (first, 32),
            "a smaller hash works in it too"
        );
        assert_eq!(place(&params(128, 2)).1, 128);
        assert_eq!((memory.kept(), place(&params(64, 2))), (1, (first, 64)));
    }

    #[test]
    fn as_many_areas_are_kept_as_were_in_use_at_once() {
        let memory = Memory::for_params(&params(8, 2));
        let inner = |_: &mut [Block]| memory.lend(&params(8, 2), |_| memory.kept());
        assert_eq!(memory.lend(&params(8, 2), inner), 0);
        assert_eq!(memory.kept(), 2);
    }

    #[test]
    fn what_a_single_pass_leaves_is_wiped() {
        let memory = Memory::for_params(&params(8, 1));
        let fill = |blocks: &mut [Block]| blocks[0].as_mut()[0] = 7;
        memory.lend(&params(8, 1), fill);
        assert_eq!(memory.lend(&params(8, 1), |blocks| blocks[0].as_ref()[0]), 0);
    }
}
