//! One declaration for each section: its fields with meaning, type and default become the struct, its
//! `Default`, the list of its keys and the code that reads them, so that none of these can disagree.

use super::reader::Reader;
use super::setting::Setting;

/// One thing that can be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// `section.key`, or `key` at the top.
    pub(super) name: &'static str,
    /// Its value is never shown.
    pub(super) secret: bool,
}

impl Key {
    /// The key `name`, of type `T`.
    pub(super) const fn of<T: Setting>(name: &'static str) -> Self {
        Self {
            name,
            secret: T::SECRET,
        }
    }
}

/// A section of the configuration.
pub(super) trait Section: Default {
    /// Its keys, in the order of `config.example.toml`.
    const KEYS: &'static [Key];

    /// Takes its values out of `reader`, defaults where there is none.
    fn read(reader: &mut Reader) -> Self;

    /// Its values as `config show` prints them, in the order of [`KEYS`](Self::KEYS); a secret says only
    /// that it is set.
    fn shown(&self) -> Vec<serde_json::Value>;
}

/// Declares a section: `section! { "name" struct Name { /// meaning \n field: Type = default, … } }`.
macro_rules! section {
    (
        $(#[$meta:meta])*
        $section:literal struct $name:ident {
            $($(#[$doc:meta])+ $field:ident: $type:ty = $default:expr,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[$doc])+ pub $field: $type,)+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }

        impl $crate::config::section::Section for $name {
            const KEYS: &'static [$crate::config::section::Key] =
                &[$($crate::config::section::Key::of::<$type>(concat!($section, ".", stringify!($field))),)+];

            fn read(reader: &mut $crate::config::reader::Reader) -> Self {
                let default = Self::default();
                Self {
                    $($field: reader.take(concat!($section, ".", stringify!($field)), default.$field),)+
                }
            }

            fn shown(&self) -> Vec<serde_json::Value> {
                vec![$($crate::config::setting::Setting::show(&self.$field),)+]
            }
        }
    };
}
pub(super) use section;
