//! Character sets of request bodies.

/// A character set that bodies may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Latin1,
    Utf8,
    Ascii,
    Windows1252,
}

/// A character set that is not known: its name, which is what the reference says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotKnown(String);

/// What windows-1252 has where Latin-1 has control characters; `\u{fffd}` where it has nothing.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž',
    '\u{fffd}', '\u{fffd}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{fffd}',
    'ž', 'Ÿ',
];

impl Charset {
    /// The one that a media type names, or that is its own; `None` when it says nothing.
    ///
    /// # Errors
    /// It names one that is not known.
    pub(crate) fn of_media_type(media_type: &str) -> Result<Option<Self>, NotKnown> {
        let mut parts = media_type.split(';');
        let essence = parts.next().unwrap_or_default().trim();
        let named = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let is_it = name.trim().eq_ignore_ascii_case("charset");
            is_it.then(|| value.trim().trim_matches('"'))
        });
        let Some(named) = named else {
            let is_json = ["application/json", "text/json"]
                .iter()
                .any(|json| essence.eq_ignore_ascii_case(json));
            return Ok(is_json.then_some(Self::Utf8));
        };
        match named.to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" => Ok(Some(Self::Utf8)),
            "iso-8859-1" | "iso8859-1" | "latin1" => Ok(Some(Self::Latin1)),
            "us-ascii" | "ascii" => Ok(Some(Self::Ascii)),
            "windows-1252" | "cp1252" => Ok(Some(Self::Windows1252)),
            _ => Err(NotKnown(named.to_owned())),
        }
    }

    /// Text of bytes; what is none of it becomes `\u{fffd}`.
    pub(crate) fn decode(self, bytes: &[u8]) -> String {
        let character = |byte: &u8| match (self, *byte) {
            (Self::Ascii, 0x80..) => '\u{fffd}',
            (Self::Windows1252, byte @ 0x80..0xa0) => WINDOWS_1252[usize::from(byte - 0x80)],
            (_, byte) => char::from(byte),
        };
        match self {
            Self::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
            _ => bytes.iter().map(character).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_names_its_character_set() {
        let of = |media_type| Charset::of_media_type(media_type).map_err(|error| error.to_string());
        assert_eq!(of("text/plain"), Ok(None));
        assert_eq!(of("application/JSON"), Ok(Some(Charset::Utf8)));
        assert_eq!(of("application/json;charset=latin1"), Ok(Some(Charset::Latin1)));
        assert_eq!(of("text/plain; a=b; Charset=\"UTF-8\""), Ok(Some(Charset::Utf8)));
        assert_eq!(of("text/plain;charset=Foo"), Err("Foo".to_owned()));
    }

    #[test]
    fn bytes_are_what_the_character_set_says() {
        let bytes = [b'a', 0x80, 0xe9];
        assert_eq!(Charset::Latin1.decode(&bytes), "a\u{80}é");
        assert_eq!(Charset::Windows1252.decode(&bytes), "a€é");
        assert_eq!(Charset::Ascii.decode(&bytes), "a\u{fffd}\u{fffd}");
        assert_eq!(Charset::Utf8.decode("é€".as_bytes()), "é€");
    }
}
