//! Request methods.

/// The methods of RFC 9110 9.3 and `PATCH` (RFC 5789). Methods are case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`: the answer to `GET` without its body.
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `PATCH`
    Patch,
    /// `OPTIONS`
    Options,
    /// `TRACE`
    Trace,
    /// `CONNECT`: [`serve`](crate::serve) answers it with status 501.
    Connect,
    /// A method that is none of the others: a service answers it with status 501, unless it knows it
    /// ([`Request::method_name`](crate::Request::method_name)).
    Other,
}

/// The methods with a name, in the order of the enum.
const NAMES: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"];

const ALL: [Method; 9] = [
    Method::Get,
    Method::Head,
    Method::Post,
    Method::Put,
    Method::Delete,
    Method::Patch,
    Method::Options,
    Method::Trace,
    Method::Connect,
];

impl Method {
    /// The method of this name.
    pub(crate) fn named(name: &str) -> Self {
        let at = NAMES.iter().position(|known| *known == name);
        at.map_or(Self::Other, |at| ALL[at])
    }

    /// The name on the wire; empty for [`Method::Other`].
    pub fn name(self) -> &'static str {
        NAMES.get(self as usize).copied().unwrap_or_default()
    }

    /// Whether a service is only asked, and nothing changes (RFC 9110 9.2.1).
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }
}

/// A set of methods, for the field `Allow`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Methods(u16);

impl Methods {
    /// No method.
    pub const NONE: Self = Self(0);

    /// This set and `method`. With `GET` comes `HEAD`.
    #[must_use]
    pub const fn and(self, method: Method) -> Self {
        let both = if matches!(method, Method::Get) { 1 << Method::Head as u8 } else { 0 };
        Self(self.0 | 1 << method as u8 | both)
    }

    /// The methods of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `method` is in the set.
    pub const fn contains(self, method: Method) -> bool {
        self.0 & 1 << method as u8 != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The methods of the set that have a name, in the order of the enum.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        ALL.into_iter().filter(move |method| self.contains(*method))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn names_and_methods_are_in_one_order() {
        for method in ALL {
            assert_eq!(Method::named(method.name()), method);
        }
        for unknown in ["", "get", "GETS", "GE", "PROPFIND"] {
            assert_eq!(Method::named(unknown), Method::Other);
        }
        assert_eq!(Method::Other.name(), "");
    }

    #[test]
    fn head_is_allowed_wherever_get_is() {
        let allowed = Methods::NONE.and(Method::Get).and(Method::Post);
        assert_eq!(allowed.iter().collect::<Vec<_>>(), [Method::Get, Method::Head, Method::Post]);
        assert!(!allowed.contains(Method::Other) && !allowed.is_empty());
    }
}
