//! Batches: several messages in one frame, between FHS, BHS and BTS, FTS (HL7 v2.5.1 §2.10.3).

use emr_message::header::Header;

/// Whether a frame holds a batch.
pub(super) fn is_batch(frame: &[u8]) -> bool {
    let frame = frame.trim_ascii_start();
    let frame = frame.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(frame);
    frame.starts_with(b"FHS") || frame.starts_with(b"BHS")
}

/// The header that a batch is answered by: that of its first message, with the batch's own control id in the place of
/// MSH-10 (BHS-11, or else FHS-11), so that MSA-2 says what was sent. Nothing if there is no message in it.
pub(super) fn header(batch: &[u8], first: &[u8]) -> Option<Vec<u8>> {
    let bar = Header::read(first)?.delimiters.field;
    let line = first.trim_ascii_start().split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let mut fields: Vec<&[u8]> = line.split(|byte| *byte == bar).collect();
    if let (Some(id), Some(control)) = (control(batch), fields.get_mut(9)) {
        *control = id;
    }
    Some(fields.join(&bar))
}

/// The control id of a batch, or else of the file around it.
fn control(batch: &[u8]) -> Option<&[u8]> {
    let lines = || batch.split(|byte| matches!(byte, b'\r' | b'\n'));
    let ids = [b"BHS", b"FHS"].into_iter().filter_map(|name| {
        let line = lines().find(|line| line.starts_with(name))?;
        let bar = line.get(3)?;
        line.split(|byte| byte == bar).nth(10)
    });
    ids.into_iter().find(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_answered_by_its_own_control_id() {
        let first = b"MSH|^~\\&|A|H|B|C|1||ORU^R01|m1|P|2.5\rPID|1\r";
        let answered = |envelope: &str| {
            let batch = [envelope.as_bytes(), first].concat();
            assert!(is_batch(&batch));
            String::from_utf8(header(&batch, first).unwrap()).unwrap().split('|').nth(9).unwrap().to_owned()
        };
        assert_eq!(answered("FHS|^~\\&|A||||||||f1\rBHS|^~\\&|A||||||||b1|\r"), "b1");
        assert_eq!(answered("FHS|^~\\&|A||||||||f1\rBHS|^~\\&|A\r"), "f1");
        assert_eq!(answered("BHS|^~\\&|A\r"), "m1");
        assert!(!is_batch(first) && header(b"BHS|^~\\&\rBTS|0\r", b"").is_none());
    }
}
