//! The messages that are relayed: session descriptions of a given size, as browsers write them.

/// A type that the relay holds to a schema.
pub const CHECKED: &str = "OFFER";
/// A type that has no schema.
pub const UNCHECKED: &str = "NOTE";

/// What a line of a description looks like. Line ends are escaped in JSON, so these are too.
const LINES: [&str; 6] = [
    r"a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n",
    r"a=rtpmap:111 opus/48000/2\r\n",
    r"a=fmtp:111 minptime=10;useinbandfec=1\r\n",
    r"a=candidate:3347140428 1 udp 2113937151 192.0.2.17 46154 typ host generation 0\r\n",
    r"a=rtcp-fb:96 nack pli\r\n",
    r"a=ssrc:2175705547 cname:NrgU6n3gno/dxUjC\r\n",
];

/// An envelope of exactly `size` bytes: JSON text whose message is a session description.
pub fn envelope(to: &str, kind: &str, size: usize) -> String {
    let start = format!(
        r#"{{"to":"{to}","type":"{kind}","message":{{"type":"offer","sdp":"v=0\r\no=- 3139561636 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"#
    );
    let end = r#""}}"#;
    let mut text = start;
    for line in LINES.iter().cycle() {
        if text.len() + line.len() + FILLER.len() + end.len() > size {
            break;
        }
        text.push_str(line);
    }
    // The last line takes what is left, so that the size is exact.
    let left = size.saturating_sub(text.len() + FILLER.len() + end.len());
    text.push_str("a=x:");
    text.extend(std::iter::repeat_n('x', left));
    text.push_str(r"\r\n");
    text.push_str(end);
    text
}

/// The last line without its filling.
const FILLER: &str = r"a=x:\r\n";

/// The envelope that the recipient sees of one that was sent.
pub fn relayed_len(sent: usize, to: &str, from: &str) -> usize {
    // `"to":"…"` becomes `"from":"…"`.
    sent + "from".len() - "to".len() + from.len() - to.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_has_the_size_that_was_asked_for() {
        for size in [256, 1000, 4096] {
            let text = envelope("V1StGXR8_Z5jdHi6B-myT", CHECKED, size);
            assert_eq!(text.len(), size, "{text}");
            assert!(text.ends_with("\\r\\n\"}}"), "{text}");
        }
    }

    #[test]
    fn what_is_relayed_names_the_sender_instead_of_the_recipient() {
        let sent = envelope("abc", CHECKED, 256);
        let seen = sent.replacen(r#""to":"abc""#, r#""from":"defgh""#, 1);
        assert_eq!(relayed_len(sent.len(), "abc", "defgh"), seen.len());
    }
}
