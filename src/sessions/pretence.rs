//! What a sign-in without a hash to verify pretends to be (T09): see [`Mix`].

use super::{Error, Sessions};
use crate::email::Email;
use crate::password::Mix;
use crate::store::users;

impl Sessions {
    /// Counts which costs the stored hashes have; sign-ins for unknown addresses follow from now on.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn count_hashes(&self) -> Result<(), Error> {
        let counts = users::hash_costs(&mut self.cx.db.read().await?).await?;
        self.hasher.pretend_as(Mix::new(
            counts.iter().map(|(cost, users)| (cost.as_str(), *users)),
        ));
        Ok(())
    }

    /// The place of an address in the mix: always the same, and nobody without the master secret knows it.
    pub(super) fn place(&self, email: &Email) -> u64 {
        let master = &self.cx.master;
        master.mac_u64("sign-in pretence", email.as_str().as_bytes())
    }
}
