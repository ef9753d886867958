//! Which web pages may connect (RFC 6454; RFC 6455, 10.2).

use crate::config::Origins;

/// May a page of this `Origin` connect? No `Origin` means no browser, which is allowed.
pub fn allowed(origins: &Origins, origin: Option<&str>) -> bool {
    let (Origins::Listed(listed), Some(origin)) = (origins, origin) else {
        return true;
    };
    let origin = origin.to_ascii_lowercase();
    listed.iter().any(|pattern| matches(pattern, &origin))
}

fn matches(pattern: &str, origin: &str) -> bool {
    let Some((scheme, domain)) = pattern.split_once("*.") else {
        return pattern == origin;
    };
    origin
        .strip_prefix(scheme)
        .and_then(|rest| rest.strip_suffix(domain))
        .and_then(|rest| rest.strip_suffix('.'))
        .is_some_and(|subdomain| {
            !subdomain.is_empty()
                && !subdomain.contains(['/', ':', '@'])
                && !subdomain.ends_with('.')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(origins: &[&str]) -> Origins {
        Origins::Listed(origins.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn without_a_list_any_page_may_connect() {
        assert!(allowed(&Origins::Any, Some("https://anything.example")));
        assert!(allowed(&Origins::Any, Some("null")));
    }

    #[test]
    fn a_listed_origin_is_compared_whole_and_null_only_if_listed() {
        let origins = listed(&["https://app.example", "http://localhost:8080"]);
        assert!(allowed(&origins, None));
        assert!(allowed(&origins, Some("https://APP.example")));
        assert!(allowed(&origins, Some("http://localhost:8080")));
        for other in [
            "null",
            "http://app.example",
            "https://app.example:8443",
            "https://app.example.evil",
            "https://evil-app.example",
            "",
        ] {
            assert!(!allowed(&origins, Some(other)), "{other}");
        }
        assert!(allowed(&listed(&["null"]), Some("null")));
    }

    #[test]
    fn a_star_stands_for_subdomains_only() {
        let origins = listed(&["https://*.app.example"]);
        assert!(allowed(&origins, Some("https://a.app.example")));
        assert!(allowed(&origins, Some("https://a.b.app.example")));
        for other in [
            "https://app.example",
            "https://.app.example",
            "https://evilapp.example",
            "http://a.app.example",
            "https://a.app.example:444",
            "https://evil.example/.app.example",
        ] {
            assert!(!allowed(&origins, Some(other)), "{other}");
        }
    }
}
