//! Text of strangers into HTML.

use std::fmt;

/// Displays a text with everything escaped that HTML or SVG could take for markup. Control characters, which
/// no parser likes, become spaces.
pub(crate) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c if c.is_control() => f.write_str(" "),
            c => fmt::Write::write_char(f, c),
        })
    }
}

/// JSON for a script element: `</script>` and comments inside strings must not end it.
pub(crate) fn json_for_script(value: &serde_json::Value) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_of_strangers_stays_text() {
        let hostile = "<img src=x onerror='alert(\"1\")'>&\u{0}";
        let safe = Escaped(hostile).to_string();
        assert_eq!(safe, "&lt;img src=x onerror=&#39;alert(&quot;1&quot;)&#39;&gt;&amp; ");
    }

    #[test]
    fn a_script_element_cannot_be_left() {
        let json = json_for_script(&serde_json::json!({ "a": "</script><b>&" }));
        assert!(!json.contains('<'));
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["a"], "</script><b>&");
    }
}
