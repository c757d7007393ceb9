//! What the text of a store address means.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

/// Where a store lies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A store in this process, by name; it is gone when the process ends.
    Memory(String),
    /// A bucket of an S3-compatible service.
    S3 {
        /// The bucket.
        bucket: String,
        /// Put before every key; may be empty.
        prefix: String,
        /// URL of the service; none for the one of the region.
        endpoint: Option<String>,
        /// Its region.
        region: String,
    },
}

/// Why a text is no location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no store: {reason}; give a folder, file:///folder, s3://bucket/prefix?endpoint=URL&region=NAME, https://host/bucket/prefix or memory:NAME"
)]
pub struct LocationError {
    text: String,
    reason: String,
}

/// What services that know no regions expect.
const REGION_DEFAULT: &str = "us-east-1";

impl Location {
    /// Reads a path or URL. Never touches disk or network.
    ///
    /// ```
    /// # use sn3_exchange::Location;
    /// let location = Location::parse("s3://sn3/alice?endpoint=http://127.0.0.1:9000")?;
    /// assert!(matches!(location, Location::S3 { bucket, .. } if bucket == "sn3"));
    /// assert!(Location::parse("gopher://host/x").is_err());
    /// # Ok::<(), sn3_exchange::LocationError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let parsed = match text.split_once(':') {
            Some(("memory", name)) => memory(name),
            Some(("file", rest)) => file(rest),
            Some(("s3", rest)) => s3(rest),
            Some(("http" | "https", _)) => http(text),
            _ if text.contains("://") => Err("the scheme is unknown".to_owned()),
            _ if text.is_empty() => Err("it is empty".to_owned()),
            _ => Ok(Self::Folder(text.into())),
        };
        parsed.map_err(|reason| LocationError { text: text.chars().take(160).collect(), reason })
    }

    /// Whether this lies on this machine or in its private network.
    ///
    /// Names are not resolved: a name without a dot counts as local, any other as public.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Folder(_) | Self::Memory(_) => true,
            Self::S3 { endpoint, .. } => endpoint.as_deref().is_some_and(|url| is_local_host(host(url))),
        }
    }
}

fn memory(name: &str) -> Result<Location, String> {
    if name.is_empty() { Err("the name is missing".into()) } else { Ok(Location::Memory(name.to_owned())) }
}

fn file(rest: &str) -> Result<Location, String> {
    match rest.strip_prefix("//").map(percent_decode) {
        Some(Ok(path)) if path.starts_with('/') => Ok(Location::Folder(path.into())),
        Some(Err(reason)) => Err(reason),
        _ => Err("a file URL needs an absolute path, as in file:///folder".into()),
    }
}

fn s3(rest: &str) -> Result<Location, String> {
    let rest = rest.strip_prefix("//").ok_or("// is missing after s3:")?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
    let (mut endpoint, mut region) = (None, REGION_DEFAULT.to_owned());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("endpoint", value)) => endpoint = Some(checked_endpoint(&percent_decode(value)?)?),
            Some(("region", value)) => region = percent_decode(value)?,
            _ => return Err(format!("{pair:?} is neither endpoint=URL nor region=NAME")),
        }
    }
    in_bucket(bucket, prefix, endpoint, region)
}

fn http(text: &str) -> Result<Location, String> {
    if text.contains(['?', '#', '@']) {
        return Err("an http URL is scheme, host, bucket and prefix, without query or user".into());
    }
    let scheme_end = text.find("://").ok_or("// is missing after the scheme")? + 3;
    let path_start = text[scheme_end..].find('/').ok_or("the bucket is missing")? + scheme_end;
    let (endpoint, path) = text.split_at(path_start);
    let (bucket, prefix) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    in_bucket(bucket, prefix, Some(checked_endpoint(endpoint)?), REGION_DEFAULT.to_owned())
}

fn in_bucket(
    bucket: &str,
    prefix: &str,
    endpoint: Option<String>,
    region: String,
) -> Result<Location, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if bucket.is_empty() || !bucket.bytes().all(plain) {
        return Err(format!("{bucket:?} is no bucket name"));
    }
    let prefix = prefix.trim_matches('/');
    if !prefix.bytes().all(|b| plain(b) || b == b'/') || prefix.split('/').any(|part| part.starts_with('.')) {
        return Err(format!("the prefix {prefix:?} has more than letters, digits, '-', '_', '.' and '/'"));
    }
    Ok(Location::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned(), endpoint, region })
}

fn checked_endpoint(url: &str) -> Result<String, String> {
    let sound = url.starts_with("http://") || url.starts_with("https://");
    if !sound || host(url).is_empty() || url.contains(['@', '?', '#']) {
        return Err(format!("the endpoint {url:?} is not http://host:port or https://host"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

fn percent_decode(text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let pair = bytes.get(at + 1..at + 3).ok_or("a percent sign without two digits")?;
            let mut byte = [0];
            hex::decode_to_slice(pair, &mut byte).map_err(|_| "a percent sign without two digits")?;
            out.push(byte[0]);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    let text = String::from_utf8(out).map_err(|_| "percent signs that are no UTF-8")?;
    if text.contains('\0') { Err("a zero byte".into()) } else { Ok(text) }
}

/// The host of an http URL, without port and brackets.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn is_local_host(host: &str) -> bool {
    match host.parse() {
        Ok(IpAddr::V4(address)) => is_local_v4(address),
        Ok(IpAddr::V6(address)) => {
            let first = address.segments()[0];
            let unique_or_link = (first & 0xfe00) == 0xfc00 || (first & 0xffc0) == 0xfe80;
            let embedded = address.to_ipv4_mapped().is_some_and(is_local_v4);
            address.is_loopback() || address.is_unspecified() || unique_or_link || embedded
        }
        Err(_) => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            // A host of digits only is an address in another spelling (0x7f000001, 2130706433).
            let numeric = host.split('.').all(|part| part.starts_with(|c: char| c.is_ascii_digit()));
            !host.contains('.')
                || numeric
                || [".local", ".internal", ".localhost"].iter().any(|s| host.ends_with(s))
        }
    }
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    address.is_loopback() || address.is_private() || address.is_link_local() || a == 0 || shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood() {
        let s3 = |prefix: &str, endpoint: Option<&str>, region: &str| Location::S3 {
            bucket: "sn3".into(),
            prefix: prefix.into(),
            endpoint: endpoint.map(str::to_owned),
            region: region.into(),
        };
        let cases = [
            ("relative/dir", Location::Folder("relative/dir".into())),
            ("/abs/dir", Location::Folder("/abs/dir".into())),
            ("file:///abs/a%20b", Location::Folder("/abs/a b".into())),
            ("memory:x", Location::Memory("x".into())),
            ("s3://sn3", s3("", None, "us-east-1")),
            ("s3://sn3/a/b/?region=auto", s3("a/b", None, "auto")),
            (
                "s3://sn3/a?endpoint=http%3A%2F%2Fstore%3A8333/",
                s3("a", Some("http://store:8333"), "us-east-1"),
            ),
            ("https://host/sn3/a", s3("a", Some("https://host"), "us-east-1")),
        ];
        for (text, location) in cases {
            assert_eq!(Location::parse(text), Ok(location), "{text}");
        }
    }

    #[test]
    fn what_is_no_store_is_refused() {
        for text in [
            "",
            "ftp://x/y",
            "file://relative",
            "file:x",
            "memory:",
            "s3:bucket",
            "s3://",
            "s3://b/../x",
            "s3://b?endpoint=ftp://x",
            "s3://b?endpoint=http://user@x",
            "s3://b?color=red",
            "https://host",
            "https://user@host/bucket",
            "s3://b?endpoint=http://%zz",
            "file:///a%00b",
        ] {
            assert!(Location::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn local_hosts_are_known_in_every_spelling() {
        let local =
            |host: &str| Location::parse(&format!("s3://b?endpoint=http://{host}:80")).unwrap().is_local();
        for host in [
            "localhost",
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "store",
            "[::1]",
            "[fe80::1]",
            "[::ffff:127.0.0.1]",
            "2130706433",
            "0x7f000001",
            "127.1",
            "a.internal",
            "100.64.0.1",
            "0.0.0.0",
        ] {
            assert!(local(host), "{host}");
        }
        for host in ["example.com", "8.8.8.8", "[2001:db8::1]"] {
            assert!(!local(host), "{host}");
        }
    }
}
