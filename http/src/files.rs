//! Files that are part of the program: a table in a `const`, with tags, conditions and ranges.

mod conditions;
mod etag;

use crate::{Answer, ByteStream, Failure, Method, Methods, Request, Response, text::Digits};

use conditions::Condition;

/// A file that is part of the program.
///
/// ```
/// use http::File;
///
/// const FILES: &[File] = &[
///     File::new("/index.html", b"<!DOCTYPE html><title>Hello</title>"),
///     File::new("/style.css", b"body { margin: auto }").with_cache_control("max-age=3600"),
/// ];
/// assert_eq!(FILES[0].media_type(), "text/html; charset=utf-8");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct File {
    path: &'static str,
    media_type: &'static str,
    cache_control: &'static str,
    etag: [u8; etag::LEN],
    bytes: &'static [u8],
}

impl File {
    /// A file at `path`, with the media type that the end of its name says, and a strong entity tag (RFC 9110 8.8.3), which is a
    /// hash of its bytes. In a `const`, the hash is computed by the compiler, up to about 2 MB.
    pub const fn new(path: &'static str, bytes: &'static [u8]) -> Self {
        let media_type = media_type(path);
        Self { path, media_type, cache_control: "no-cache", etag: etag::of(bytes), bytes }
    }

    /// This file with another media type.
    #[must_use]
    pub const fn with_media_type(mut self, media_type: &'static str) -> Self {
        self.media_type = media_type;
        self
    }

    /// This file with another value of `Cache-Control`. It is `no-cache` unless changed: a cache keeps the file, and asks each
    /// time whether it is still the same.
    #[must_use]
    pub const fn with_cache_control(mut self, cache_control: &'static str) -> Self {
        self.cache_control = cache_control;
        self
    }

    /// The path of its URL.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// The media type.
    pub const fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// The entity tag, with its quotes.
    pub fn etag(&self) -> &str {
        str::from_utf8(&self.etag).unwrap_or_default()
    }

    /// The bytes.
    pub const fn bytes(&self) -> &'static [u8] {
        self.bytes
    }

    /// Whether the file is what `path` names: a path that ends with a slash names the `index.html` in it.
    fn is_at(&self, path: &str) -> bool {
        let index = self.path.strip_suffix("index.html");
        self.path == path || index.is_some_and(|folder| folder.ends_with('/') && folder == path)
    }

    /// Answers `GET` and `HEAD` with this file, or with a range of it, or says that it has not changed (RFC 9110 13, 14).
    ///
    /// # Errors
    /// The method is another one (status 405), or those of [`Response::send`].
    pub async fn answer<S: ByteStream>(
        &self,
        request: Request<'_, S>,
        response: Response<'_, S>,
    ) -> Answer {
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Err(Failure::NotAllowed(Methods::NONE.and(Method::Get)));
        }
        let length = self.bytes.len();
        let response = response
            .header("ETag", self.etag())
            .header("Cache-Control", self.cache_control)
            .header("Accept-Ranges", "bytes");
        let is_get = request.method() == Method::Get;
        match conditions::check(request.headers(), self.etag().as_bytes(), length, is_get) {
            Condition::Failed => response.status(412).send(b"").await,
            Condition::NotModified => response.status(304).send(b"").await,
            Condition::Whole => {
                response.header("Content-Type", self.media_type).send(self.bytes).await
            }
            Condition::Part(start, end) => {
                let [first, last, all] =
                    [start, end - 1, length].map(|number| Digits::decimal(number as u64));
                response
                    .status(206)
                    .header("Content-Type", self.media_type)
                    .header_of(
                        "Content-Range",
                        &[b"bytes ", first.as_bytes(), b"-", last.as_bytes(), b"/", all.as_bytes()],
                    )
                    .send(self.bytes.get(start..end).unwrap_or_default())
                    .await
            }
            Condition::NoPart => {
                let all = Digits::decimal(length as u64);
                response
                    .status(416)
                    .header_of("Content-Range", &[b"bytes */", all.as_bytes()])
                    .send(b"")
                    .await
            }
        }
    }
}

/// Answers with the one of `files` that the path of the request names. A path that ends with a slash names the
/// `index.html` in it.
///
/// # Errors
/// There is no such file (status 404), the method is neither `GET` nor `HEAD` (405), or those of [`Response::send`].
pub async fn files<S: ByteStream>(
    files: &[File],
    request: Request<'_, S>,
    response: Response<'_, S>,
) -> Answer {
    match files.iter().find(|file| file.is_at(request.path())) {
        Some(file) => file.answer(request, response).await,
        None => Err(Failure::Refused(404, "there is no file at this path")),
    }
}

/// The media type of a file, by the end of its name.
const fn media_type(path: &str) -> &'static str {
    const TYPES: [(&str, &str); 20] = [
        (".html", "text/html; charset=utf-8"),
        (".css", "text/css; charset=utf-8"),
        (".js", "text/javascript; charset=utf-8"),
        (".mjs", "text/javascript; charset=utf-8"),
        (".json", "application/json"),
        (".txt", "text/plain; charset=utf-8"),
        (".md", "text/markdown; charset=utf-8"),
        (".xml", "application/xml"),
        (".csv", "text/csv; charset=utf-8"),
        (".svg", "image/svg+xml"),
        (".png", "image/png"),
        (".jpg", "image/jpeg"),
        (".jpeg", "image/jpeg"),
        (".gif", "image/gif"),
        (".webp", "image/webp"),
        (".ico", "image/x-icon"),
        (".woff2", "font/woff2"),
        (".pdf", "application/pdf"),
        (".wasm", "application/wasm"),
        (".gz", "application/gzip"),
    ];
    let mut at = 0;
    while at < TYPES.len() {
        if ends_with(path.as_bytes(), TYPES[at].0.as_bytes()) {
            return TYPES[at].1;
        }
        at += 1;
    }
    "application/octet-stream"
}

const fn ends_with(mut text: &[u8], mut end: &[u8]) -> bool {
    while let ([end_rest @ .., wanted], [text_rest @ .., last]) = (end, text) {
        if *wanted != *last {
            return false;
        }
        (end, text) = (end_rest, text_rest);
    }
    end.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_name_says_the_media_type() {
        for (path, expected) in [
            ("/a.html", "text/html; charset=utf-8"),
            ("/a.tar.gz", "application/gzip"),
            ("/a.js", "text/javascript; charset=utf-8"),
            ("/a.HTML", "application/octet-stream"),
            ("/html", "application/octet-stream"),
            ("", "application/octet-stream"),
            ("l", "application/octet-stream"),
        ] {
            assert_eq!(media_type(path), expected, "{path}");
        }
    }

    #[test]
    fn a_folder_is_its_index() {
        let [index, nested] = ["/index.html", "/a/index.html"].map(|path| File::new(path, b""));
        assert!(
            index.is_at("/")
                && index.is_at("/index.html")
                && !index.is_at("")
                && !index.is_at("/a/")
        );
        assert!(nested.is_at("/a/") && !nested.is_at("/a") && !nested.is_at("/"));
        let other = File::new("/my-index.html", b"");
        assert!(!other.is_at("/my-") && !other.is_at("/"));
    }
}
