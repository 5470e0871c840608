//! Where a fragment stands in a distributed trace: W3C Trace Context, <https://www.w3.org/TR/trace-context/>.

use std::fmt;

/// What a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; not 0.
    pub trace_id: u128,
    /// The span that the next one is a child of; `None` for a trace that begins here.
    pub parent_id: Option<u64>,
    /// Whether whoever began the trace records it.
    pub is_sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`. One that is not valid counts as absent (section 4.3), and so is `None`.
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let version: u8 = hex(parts.next()?, 2)?.try_into().ok()?;
        let (trace_id, parent_id) = (hex(parts.next()?, 32)?, hex(parts.next()?, 16)?);
        let flags = hex(parts.next()?, 2)?;
        // Later versions may say more at the end; the first one may not, and 255 is none.
        if version == u8::MAX || version == 0 && parts.next().is_some() || trace_id == 0 || parent_id == 0 {
            return None;
        }
        Some(Self { trace_id, parent_id: u64::try_from(parent_id).ok(), is_sampled: flags & 1 == 1 })
    }

    /// A trace that begins here, of this id.
    pub fn begin(trace_id: u128) -> Self {
        Self { trace_id, parent_id: None, is_sampled: true }
    }
}

/// The trace's id, 32 lower-case hexadecimal digits.
impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.trace_id)
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_lower_case = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if text.len() == digits && is_lower_case { u128::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn a_valid_one_is_read() {
        let context = TraceContext::parse(&format!("00-{TRACE}-{SPAN}-01")).expect("the specification's example");
        assert_eq!((context.to_string().as_str(), context.is_sampled), (TRACE, true));
        assert_eq!(context.parent_id, Some(0xb7ad_6b71_6920_3331));
        assert!(!TraceContext::parse(&format!("00-{TRACE}-{SPAN}-02")).expect("other flags").is_sampled);
        assert!(TraceContext::parse(&format!("01-{TRACE}-{SPAN}-01-more")).is_some(), "a later version");
    }

    #[test]
    fn an_invalid_one_counts_as_absent() {
        let (no_trace, no_span) = ("0".repeat(32), "0".repeat(16));
        for wrong in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("00-{no_trace}-{SPAN}-01"),
            format!("00-{TRACE}-{no_span}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-+{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-{SPAN}-1"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            "é".repeat(16),
        ] {
            assert_eq!(TraceContext::parse(&wrong), None, "{wrong}");
        }
    }
}
