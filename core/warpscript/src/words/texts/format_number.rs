//! Numbers as `java.util.Formatter` writes them: rounding, signs, grouping, locales.

use weft_gts::JavaDouble;

use super::format::{Flags, Spec};

/// How a language writes numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Locale {
    decimal: char,
    group: char,
    zero: char,
}

impl Default for Locale {
    fn default() -> Self {
        Self { decimal: '.', group: ',', zero: '0' }
    }
}

/// Languages that write `1.234,5`.
const COMMA_POINT: &str = "ast az bas bs ca da de dsb dua el es eu ewo fo fur fy gl hr hsb ia id \
                           is it jgo jv kl kgp ku lb lo mgo mk nl nmg nnh pt qu ro rof rw sc seh \
                           sg sl sr sw-cd tr vi wo yav id iw-x";
/// Languages that write `1 234,5` with a no-break space.
const COMMA_SPACE: &str = "af agq az-x bas be bg br cs cy-x eo et ff fi hu hy ka kea kk ksh ky lt \
                           lv nb nn no os pl ru sk smn sq sv tg tk tt uk uz se kab khq mfe";
/// Languages that write `1,234.5`.
const POINT_COMMA: &str = "ak am as asa bem bez bm bo bn-x brx ceb ce chr cgg cy dav doi dz ebu ee \
                           en fil ga gd gu guz gv ha haw he hi ig ii iw ja kam kde ki kln km kn ko \
                           kok ksb kw lag lg luo luy mai mas mer mg mgh ml mn mni ms mt mua naq nd \
                           nus nyn om or pa pcm qu rm-x rwk sa saq sat sbp sd sn so su sw ta te teo \
                           th ti to tl tzm ug vai vun xh xog yi yo yue zgh-x zh zu si";

impl Locale {
    /// The locale of a language, if it is one that Java knows.
    pub(super) fn find(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        let is_in = |list: &str| list.split(' ').any(|language| language == name);
        let locale = |decimal, group, zero| Some(Self { decimal, group, zero });
        match name.as_str() {
            "" => Some(Self::default()),
            "fr" => locale(',', '\u{202f}', '0'),
            "ar" => locale('.', ',', '0'),
            "ckb" => locale('\u{66b}', '\u{66c}', '\u{660}'),
            "fa" | "ps" | "uz-af" => locale('\u{66b}', '\u{66c}', '\u{6f0}'),
            "ur" => locale('.', ',', '0'),
            "ks" => locale('\u{66b}', '\u{66c}', '\u{6f0}'),
            "bn" => locale('.', ',', '\u{9e6}'),
            "mr" | "ne" | "bho" | "sa" => locale('.', ',', '\u{966}'),
            "my" => locale('.', ',', '\u{1040}'),
            "as" => locale('.', ',', '\u{9e6}'),
            "dz" => locale('.', ',', '\u{f20}'),
            "gsw" | "rm" => locale('.', '’', '0'),
            _ if is_in(COMMA_POINT) => locale(',', '.', '0'),
            _ if is_in(COMMA_SPACE) => locale(',', '\u{a0}', '0'),
            _ if is_in(POINT_COMMA) => Some(Self::default()),
            _ => None,
        }
    }

    fn digit(&self, digit: char) -> char {
        match digit.to_digit(10) {
            Some(value) => char::from_u32(self.zero as u32 + value).unwrap_or(digit),
            None => digit,
        }
    }
}

/// A number as `0.d₁d₂… × 10^point`.
#[derive(Clone, Debug)]
pub(super) struct Decimals {
    digits: Vec<u8>,
    point: i64,
}

impl Decimals {
    /// `digits × 10^-scale`.
    pub(super) fn new(digits: &str, scale: i32) -> Self {
        let digits: Vec<u8> = digits.bytes().map(|b| b - b'0').collect();
        let zeros = digits.iter().take_while(|d| **d == 0).count();
        let point = (digits.len() - zeros) as i64 - i64::from(scale);
        Self { digits: digits[zeros..].to_vec(), point }
    }

    /// The shortest digits of a finite double that is not negative.
    pub(super) fn of_double(value: f64) -> Self {
        let text = JavaDouble(value).to_string();
        let (mantissa, exponent) = text.split_once('E').unwrap_or((&text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        Self::new(&format!("{whole}{fraction}"), fraction.len() as i32 - exponent)
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Keeps `count` digits, rounding half up.
    fn round(&mut self, count: i64) {
        let Ok(count) = usize::try_from(count) else {
            self.digits.clear();
            return;
        };
        if count >= self.digits.len() {
            return;
        }
        let up = self.digits[count] >= 5;
        self.digits.truncate(count);
        if !up {
            return;
        }
        for digit in self.digits.iter_mut().rev() {
            if *digit < 9 {
                *digit += 1;
                return;
            }
            *digit = 0;
        }
        self.digits.insert(0, 1);
        self.digits.truncate(count.max(1));
        self.point += 1;
    }

    /// The digit `place` behind the point (negative: before it).
    fn at(&self, place: i64) -> char {
        let index = usize::try_from(self.point + place).ok();
        let digit = index.and_then(|index| self.digits.get(index)).copied();
        char::from(b'0' + digit.unwrap_or(0))
    }

    /// `123.45` with so many digits behind the point.
    fn fixed(mut self, precision: usize) -> (String, String) {
        self.round(self.point + precision as i64);
        if self.digits.is_empty() {
            self.point = 0;
        }
        let whole: String = (-self.point.max(1)..0).map(|place| self.at(place)).collect();
        let fraction: String = (0..precision as i64).map(|place| self.at(place)).collect();
        (whole, fraction)
    }

    /// `1.2345` with so many digits behind the point, and its exponent.
    fn scientific(mut self, precision: usize) -> (String, String, i64) {
        if self.is_zero() {
            return ("0".to_owned(), "0".repeat(precision), 0);
        }
        self.round(precision as i64 + 1);
        let exponent = self.point - 1;
        self.point = 1;
        let fraction: String = (0..precision as i64).map(|place| self.at(place)).collect();
        (self.at(-1).to_string(), fraction, exponent)
    }
}

/// How one number is to be written.
pub(super) struct Shape<'a> {
    spec: &'a Spec,
    flags: Flags,
    locale: &'a Locale,
    negative: bool,
}

impl<'a> Shape<'a> {
    pub(super) fn new(spec: &'a Spec, locale: &'a Locale, negative: bool) -> Self {
        Self { spec, flags: spec.flags, locale, negative }
    }

    fn lead(&self) -> &'static str {
        match (self.negative, self.flags) {
            (true, Flags { parentheses: true, .. }) => "(",
            (true, _) => "-",
            (false, Flags { plus: true, .. }) => "+",
            (false, Flags { space: true, .. }) => " ",
            _ => "",
        }
    }

    fn trail(&self) -> &'static str {
        if self.negative && self.flags.parentheses { ")" } else { "" }
    }

    /// Text between the signs.
    pub(super) fn signed(&self, text: &str) -> String {
        format!("{}{text}{}", self.lead(), self.trail())
    }

    /// An integer.
    pub(super) fn whole(&self, digits: &str) -> String {
        self.signed(&self.magnitude(digits, "", 0))
    }

    /// Digits in the locale's way, grouped, with zeros in front; `behind` more characters follow.
    fn magnitude(&self, whole: &str, fraction: &str, behind: usize) -> String {
        let mut out = String::new();
        let count = whole.len();
        for (index, digit) in whole.chars().enumerate() {
            if self.flags.group && index > 0 && (count - index).is_multiple_of(3) {
                out.push(self.locale.group);
            }
            out.push(self.locale.digit(digit));
        }
        if !fraction.is_empty() || self.point_is_shown() {
            out.push(self.locale.decimal);
            out.extend(fraction.chars().map(|digit| self.locale.digit(digit)));
        }
        let signs = self.lead().len() + self.trail().len() + behind;
        let width = if self.flags.zero { self.spec.width.unwrap_or(0) } else { 0 };
        let missing = width.saturating_sub(signs + out.chars().count());
        let zeros: String = std::iter::repeat_n(self.locale.zero, missing).collect();
        zeros + &out
    }

    /// `#` writes a point that nothing follows.
    fn point_is_shown(&self) -> bool {
        self.flags.alternate && matches!(self.spec.conversion, 'e' | 'f')
    }

    /// `%e`, `%f` and `%g`.
    pub(super) fn decimal(&self, number: Decimals) -> String {
        let precision = self.spec.precision.unwrap_or(6);
        match self.spec.conversion {
            'f' => self.fixed(number, precision),
            'e' => self.scientific(number, precision),
            _ => self.general(number, precision.max(1)),
        }
    }

    fn fixed(&self, number: Decimals, precision: usize) -> String {
        let (whole, fraction) = number.fixed(precision);
        self.signed(&self.magnitude(&whole, &fraction, 0))
    }

    fn scientific(&self, number: Decimals, precision: usize) -> String {
        let (whole, fraction, exponent) = number.scientific(precision);
        let sign = if exponent < 0 { '-' } else { '+' };
        let digits = format!("{:02}", exponent.abs());
        let digits: String = digits.chars().map(|digit| self.locale.digit(digit)).collect();
        let behind = 2 + digits.chars().count();
        let mantissa = self.magnitude(&whole, &fraction, behind);
        self.signed(&format!("{mantissa}e{sign}{digits}"))
    }

    fn general(&self, number: Decimals, precision: usize) -> String {
        if number.is_zero() {
            return self.fixed(number, precision - 1);
        }
        let mut rounded = number.clone();
        rounded.round(precision as i64);
        let exponent = rounded.point - 1;
        if exponent < -4 || exponent >= precision as i64 {
            return self.scientific(number, precision - 1);
        }
        self.fixed(number, (precision as i64 - rounded.point) as usize)
    }

    /// `%a`: the bits of a double that is not negative.
    pub(super) fn hexadecimal(&self, value: f64) -> String {
        let bits = value.to_bits();
        let (exponent, fraction) = ((bits >> 52) as i64, bits & ((1 << 52) - 1));
        let (lead, exponent) = match exponent {
            0 if fraction == 0 => (0u64, 0),
            0 => (0, -1022),
            exponent => (1, exponent - 1023),
        };
        let (mut lead, mut fraction) = (lead, fraction);
        let mut digits = format!("{fraction:013x}");
        match self.spec.precision {
            Some(precision) if precision < 13 => {
                let precision = precision.max(1);
                let drop = 52 - 4 * precision as u32;
                let half = 1u64 << (drop - 1);
                let whole = lead << 52 | fraction;
                let kept = whole >> drop;
                let rest = whole & ((1 << drop) - 1);
                let up = rest > half || (rest == half && kept & 1 == 1);
                let kept = kept + u64::from(up);
                lead = kept >> (4 * precision);
                fraction = kept & ((1 << (4 * precision)) - 1);
                digits = format!("{fraction:0precision$x}");
            }
            _ => {
                let short = digits.trim_end_matches('0');
                digits = if short.is_empty() { "0".to_owned() } else { short.to_owned() };
            }
        }
        let body = format!("{lead:x}.{digits}p{exponent}");
        let signs = self.lead().len() + 2 + self.trail().len();
        let width = if self.flags.zero { self.spec.width.unwrap_or(0) } else { 0 };
        let zeros = "0".repeat(width.saturating_sub(signs + body.len()));
        self.signed(&format!("0x{zeros}{body}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_up() {
        let fixed = |value: f64, precision| {
            let (whole, fraction) = Decimals::of_double(value).fixed(precision);
            format!("{whole}.{fraction}")
        };
        assert_eq!(fixed(1.005, 2), "1.01");
        assert_eq!(fixed(0.005, 2), "0.01");
        assert_eq!(fixed(0.004, 2), "0.00");
        assert_eq!(fixed(9.995, 2), "10.00");
        assert_eq!(fixed(0.0, 1), "0.0");
        assert_eq!(fixed(1e21, 1), "1000000000000000000000.0");
        let (whole, fraction, exponent) = Decimals::of_double(9.9996e5).scientific(3);
        assert_eq!((whole.as_str(), fraction.as_str(), exponent), ("1", "000", 6));
    }
}
