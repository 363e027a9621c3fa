//! Which part of a service a request is for: a table of methods and paths.

use layer::split::split_once;

use crate::{ByteStream, Failure, Method, Methods, Request};

/// One row of a table: methods, a path, and what the service makes of them, such as a variant of an enum.
#[derive(Clone, Copy, Debug)]
pub struct Route<T> {
    methods: Methods,
    pattern: &'static str,
    has_parameters: bool,
    value: T,
}

impl<T> Route<T> {
    /// A row for `methods`. A part of the path in braces, such as `{name}`, stands for any part that is not empty; at most two are
    /// permitted.
    ///
    /// # Panics
    /// `pattern` does not begin with a slash, or has more than two parameters. In a `const`, this is an error of the
    /// compiler.
    pub const fn new(methods: Methods, pattern: &'static str, value: T) -> Self {
        let bytes = pattern.as_bytes();
        assert!(!bytes.is_empty() && bytes[0] == b'/', "the path of a route begins with a slash");
        let (mut at, mut parameters) = (0, 0);
        while at < bytes.len() {
            if bytes[at] == b'{' {
                parameters += 1;
            }
            at += 1;
        }
        assert!(parameters <= 2, "the path of a route has at most two parameters");
        Self { methods, pattern, has_parameters: parameters > 0, value }
    }

    /// A row for `GET` and `HEAD`.
    pub const fn get(pattern: &'static str, value: T) -> Self {
        Self::new(Methods::NONE.and(Method::Get), pattern, value)
    }

    /// A row for `POST`.
    pub const fn post(pattern: &'static str, value: T) -> Self {
        Self::new(Methods::NONE.and(Method::Post), pattern, value)
    }

    /// A row for `PUT`.
    pub const fn put(pattern: &'static str, value: T) -> Self {
        Self::new(Methods::NONE.and(Method::Put), pattern, value)
    }

    /// A row for `DELETE`.
    pub const fn delete(pattern: &'static str, value: T) -> Self {
        Self::new(Methods::NONE.and(Method::Delete), pattern, value)
    }
}

impl<'r, S: ByteStream> Request<'r, S> {
    /// The value of the first of `routes` that has the method and the path, and what stands for its parameters, still
    /// percent-encoded; those that it does not have are empty.
    ///
    /// # Errors
    /// No route has the path (status 404); none has the path with this method (405, with the header `Allow`); or the method is
    /// unknown (501).
    pub fn route<T: Copy>(&self, routes: &[Route<T>]) -> Result<(T, [&'r str; 2]), Failure> {
        let mut others = Methods::NONE;
        for route in routes {
            let parameters = if route.has_parameters {
                matches(route.pattern, self.path())
            } else {
                (route.pattern == self.path()).then_some([""; 2])
            };
            let Some(parameters) = parameters else { continue };
            if route.methods.contains(self.method()) {
                return Ok((route.value, parameters));
            }
            others = others.union(route.methods);
        }
        Err(if self.method() == Method::Other {
            Failure::Refused(501, "this method is not known here: use GET or another of RFC 9110")
        } else if others.is_empty() {
            Failure::Refused(404, "there is nothing at this path")
        } else {
            Failure::NotAllowed(others)
        })
    }
}

/// What in `path` stands for the parameters of `pattern`, if it has its form.
fn matches<'p>(pattern: &str, path: &'p str) -> Option<[&'p str; 2]> {
    let mut parameters = [""; 2];
    let mut free = parameters.iter_mut();
    let (mut pattern, mut path) = (Some(pattern), Some(path));
    loop {
        let (expected, part);
        match (pattern, path) {
            (Some(pattern_left), Some(path_left)) => {
                (expected, pattern) = split_once(pattern_left, b'/');
                (part, path) = split_once(path_left, b'/');
            }
            (None, None) => return Some(parameters),
            _ => return None,
        }
        if expected.starts_with('{') {
            *free.next()? = part;
            if part.is_empty() {
                return None;
            }
        } else if expected != part {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_stand_for_whole_parts_of_a_path() {
        for (pattern, path, expected) in [
            ("/", "/", Some(["", ""])),
            ("/", "/a", None),
            ("/a", "/a", Some(["", ""])),
            ("/a", "/a/", None),
            ("/a", "/A", None),
            ("/a", "/ab", None),
            ("/a/", "/a", None),
            ("/fib/{n}", "/fib/2000", Some(["2000", ""])),
            ("/fib/{n}", "/fib/", None),
            ("/fib/{n}", "/fib", None),
            ("/fib/{n}", "/fib/1/2", None),
            ("/{a}/to/{b}", "/x/to/y%2Fz", Some(["x", "y%2Fz"])),
            ("/{a}/to/{b}", "//to/y", None),
            ("/{a}", "*", None),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
