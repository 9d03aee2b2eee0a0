//! Secrets that the system makes for itself once, such as the key of approval links. The table is
//! encrypted, and only the functions that need a secret may read its item.

use aisaws_core::port::StoreError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::handle::{Store, Trouble, doing};
use super::item::{Item, Row};
use super::layout;

/// Attribute of the secret itself.
const VALUE: &str = "value";

impl Store {
    /// The secret of that name: the one that is there, else `fresh`, which is there from then on.
    /// Of several that ask at once all get the same.
    ///
    /// # Errors
    /// Where the table cannot be reached, or holds something else under that name.
    pub async fn secret(&self, name: &str, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        let item = Item::new(layout::secret(name)).with(VALUE, STANDARD.encode(fresh));
        let kept = async {
            let Some(there) = self.put_new(item).await? else { return Ok(fresh) };
            let row = Row(&there);
            let bytes = row.parsed(VALUE, |text| STANDARD.decode(text))?;
            Ok::<_, Trouble>(row.of_size(VALUE, bytes)?)
        };
        kept.await.map_err(doing("read a secret"))
    }
}
