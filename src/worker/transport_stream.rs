//! An MPEG transport stream with one elementary stream of pictures, as the reading FFmpeg writes it and the writing
//! FFmpeg reads it: cut into access units, and given other times without touching a byte of the pictures.

/// Ticks of its clock a second.
pub const CLOCK_HZ: i64 = 90_000;
/// The identifier of the pictures' packets; the reading FFmpeg is told to use it.
pub const PICTURES_PID: u16 = 0x100;
/// That of the table that describes them.
pub const TABLE_PID: u16 = 0x1000;

const PACKET: usize = 188;
const SYNC: u8 = 0x47;
/// Times are counted modulo this.
const WRAP: i64 = 1 << 33;
/// An access unit does not become larger than this, whatever comes.
const LARGEST_UNIT: usize = 16 << 20;

/// Kinds of pictures that another program finds again in such a stream: MPEG-1 and -2, MPEG-4, H.264, H.265.
const KNOWN_KINDS: [u8; 5] = [0x01, 0x02, 0x10, 0x1b, 0x24];

/// A picture, or a pair of fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// When it is decoded, in ticks since the first; it does not wrap.
    pub decoded_at: i64,
    /// The same as it stands in its packets, but for wraps.
    written: i64,
    /// Whether pictures can begin with it.
    pub is_key: bool,
    /// Its packets, and tables that came with them.
    packets: Vec<u8>,
}

impl Unit {
    /// Its packets, with all times moved so that it is decoded at this tick.
    pub fn decoded_at(&self, ticks: i64) -> Vec<u8> {
        let ticks = ticks - self.written;
        let mut packets = self.packets.clone();
        for packet in packets.chunks_exact_mut(PACKET) {
            let Some(payload) = Header::of(packet).map(|header| header.payload) else { continue };
            if let Some(clock) = clock_reference(packet) {
                let base = (clock + ticks).rem_euclid(WRAP) as u64;
                packet[6..10].copy_from_slice(&((base >> 1) as u32).to_be_bytes());
                packet[10] = packet[10] & 0x7f | ((base & 1) as u8) << 7;
            }
            let Some(times) = times_in(packet, payload) else { continue };
            for at in times.places.into_iter().flatten() {
                if let Some(bytes) = packet.get_mut(at..at + 5) {
                    let moved = (read_time(bytes) + ticks).rem_euclid(WRAP);
                    write_time(bytes, moved);
                }
            }
        }
        packets
    }

    /// When it is shown, in the same ticks.
    pub fn shown_at(&self) -> i64 {
        let [shown, _] = self.times();
        let later = shown.map_or(0, |at| (read_time(&self.packets[at..at + 5]) - self.written).rem_euclid(WRAP));
        self.decoded_at + if later > WRAP / 2 { later - WRAP } else { later }
    }

    /// It is shown at this tick. Where it is decoded at the time at which it is shown, that moves too, but not up to
    /// `next`, when the one after it is decoded.
    pub fn show_at(&mut self, ticks: i64, next: i64) {
        match self.times() {
            [Some(at), Some(_)] => {
                let shown = self.written + ticks - self.decoded_at;
                write_time(&mut self.packets[at..at + 5], shown.rem_euclid(WRAP));
            }
            _ => self.decoded_at = ticks.min(next - 1),
        }
    }

    /// Where its times stand among its bytes.
    fn times(&self) -> [Option<usize>; 2] {
        let packets = self.packets.chunks_exact(PACKET).enumerate();
        let of_packet = |(index, packet): (usize, &[u8])| {
            let times = times_in(packet, Header::of(packet)?.payload)?;
            Some(times.places.map(|place| Some(index * PACKET + place?)))
        };
        packets.filter_map(of_packet).next().unwrap_or_default()
    }

    /// How many bytes it takes.
    pub fn size(&self) -> usize {
        self.packets.len()
    }
}

/// Where a packet's parts are.
struct Header {
    pid: u16,
    begins_unit: bool,
    payload: Option<usize>,
}

impl Header {
    fn of(packet: &[u8]) -> Option<Self> {
        if packet.len() != PACKET || packet[0] != SYNC {
            return None;
        }
        let (has_adaptation, has_payload) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
        let begin = 4 + if has_adaptation { 1 + usize::from(packet[4]) } else { 0 };
        Some(Self {
            pid: u16::from_be_bytes([packet[1] & 0x1f, packet[2]]),
            begins_unit: packet[1] & 0x40 != 0,
            payload: (has_payload && begin < PACKET).then_some(begin),
        })
    }
}

/// The flags of a packet's adaptation field.
fn adaptation_flags(packet: &[u8]) -> u8 {
    if packet[3] & 0x20 != 0 && packet[4] > 0 { packet[5] } else { 0 }
}

/// The programme's clock in a packet, if it carries it.
fn clock_reference(packet: &[u8]) -> Option<i64> {
    if adaptation_flags(packet) & 0x10 == 0 || packet[4] < 7 {
        return None;
    }
    let high = u32::from_be_bytes([packet[6], packet[7], packet[8], packet[9]]);
    Some(i64::from(high) << 1 | i64::from(packet[10] >> 7))
}

/// Where the times of an access unit stand in its first packet: presentation, and decoding where it is another.
struct Times {
    places: [Option<usize>; 2],
}

fn times_in(packet: &[u8], payload: Option<usize>) -> Option<Times> {
    let begin = payload?;
    let header = packet.get(begin..begin + 9)?;
    let is_pictures = header[..3] == [0, 0, 1] && header[3] & 0xf0 == 0xe0;
    if !is_pictures || packet[1] & 0x40 == 0 {
        return None;
    }
    let at = |index: usize| Some(begin + 9 + index * 5).filter(|at| at + 5 <= PACKET);
    let places = match header[7] >> 6 {
        2 => [at(0), None],
        3 => [at(0), at(1)],
        _ => [None, None],
    };
    Some(Times { places })
}

/// A time of 33 bits, spread over five bytes with a marker after each part.
fn read_time(bytes: &[u8]) -> i64 {
    let part = |index: usize| i64::from(u16::from_be_bytes([bytes[index], bytes[index + 1]]) >> 1);
    i64::from(bytes[0] >> 1 & 7) << 30 | part(1) << 15 | part(3)
}

fn write_time(bytes: &mut [u8], time: i64) {
    let part = |shift: u32| ((time >> shift & 0x7fff) as u16) << 1 | 1;
    bytes[0] = bytes[0] & 0xf1 | ((time >> 30 & 7) as u8) << 1;
    bytes[1..3].copy_from_slice(&part(15).to_be_bytes());
    bytes[3..5].copy_from_slice(&part(0).to_be_bytes());
}

/// Cuts a stream into access units as its bytes come.
#[derive(Default)]
pub struct Splitter {
    rest: Vec<u8>,
    unit: Option<Unit>,
    /// The time that was last read, as it stood there.
    last: Option<i64>,
    /// The same without wraps.
    unwrapped: i64,
    /// What programmes there are, and what this one consists of.
    tables: [Vec<u8>; 2],
    unknown_kind: Option<u8>,
}

impl Splitter {
    /// Takes bytes, and gives the units that are whole by them.
    ///
    /// # Errors
    /// It is no such stream, or a unit has no end.
    pub fn push(&mut self, bytes: &[u8]) -> anyhow::Result<Vec<Unit>> {
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.len() / PACKET * PACKET;
        let packets: Vec<u8> = self.rest.drain(..whole).collect();
        let mut units = Vec::new();
        for packet in packets.chunks_exact(PACKET) {
            units.extend(self.take(packet)?);
        }
        Ok(units)
    }

    /// The unit that the stream ended with.
    pub fn finish(&mut self) -> Option<Unit> {
        self.unit.take()
    }

    /// The tables that a reader needs before any unit, as they last were.
    pub fn tables(&self) -> Vec<u8> {
        self.tables.concat()
    }

    /// The kind of the pictures by its number, where no reader would find them again.
    pub fn unknown_kind(&self) -> Option<u8> {
        self.unknown_kind
    }

    fn take(&mut self, packet: &[u8]) -> anyhow::Result<Option<Unit>> {
        let Some(header) = Header::of(packet) else {
            anyhow::bail!("no transport stream: a packet begins with {}", packet[0])
        };
        if header.pid != PICTURES_PID {
            self.take_table(&header, packet);
            return Ok(None);
        }
        let mut finished = None;
        if let Some(times) = times_in(packet, header.payload) {
            finished = self.unit.take();
            let decoding = times.places[1].or(times.places[0]);
            let read = decoding.map(|at| read_time(&packet[at..at + 5]));
            let decoded_at = read.map_or(self.unwrapped, |time| self.unwrap(time));
            let is_key = adaptation_flags(packet) & 0x40 != 0;
            self.unit = Some(Unit { decoded_at, written: decoded_at, is_key, packets: Vec::new() });
        }
        if let Some(unit) = &mut self.unit {
            unit.packets.extend_from_slice(packet);
            anyhow::ensure!(unit.packets.len() <= LARGEST_UNIT, "a picture of more than {LARGEST_UNIT} bytes");
        }
        Ok(finished)
    }

    fn take_table(&mut self, header: &Header, packet: &[u8]) {
        if header.pid == 0 {
            self.tables[0] = packet.to_vec();
        }
        if header.pid == TABLE_PID {
            self.tables[1] = packet.to_vec();
            let kind =
                header.payload.filter(|_| header.begins_unit).and_then(|payload| kind_of_pictures(packet, payload));
            self.unknown_kind = kind.filter(|kind| !KNOWN_KINDS.contains(kind));
        }
    }

    /// A time without wraps: the one nearest to the last.
    fn unwrap(&mut self, time: i64) -> i64 {
        match self.last.replace(time) {
            None => self.unwrapped = time,
            Some(last) => {
                let step = (time - last).rem_euclid(WRAP);
                self.unwrapped += if step > WRAP / 2 { step - WRAP } else { step };
            }
        }
        self.unwrapped
    }
}

/// The kind of the first elementary stream in a programme's table.
fn kind_of_pictures(packet: &[u8], payload: usize) -> Option<u8> {
    let section = packet.get(payload + 1 + usize::from(*packet.get(payload)?)..)?;
    let descriptors = usize::from(u16::from_be_bytes([*section.get(10)? & 0x0f, *section.get(11)?]));
    section.get(12 + descriptors).copied()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A unit of one packet, presented when it is decoded.
    pub fn unit(ticks: i64, is_key: bool) -> Unit {
        Unit { decoded_at: ticks, written: ticks, is_key, packets: first(ticks, ticks, is_key) }
    }

    /// A unit of one packet; as FFmpeg writes it, with one time where both are the same.
    pub fn unit_shown_at(shown: i64, decoded: i64, is_key: bool) -> Unit {
        let mut packets = first(shown, decoded, is_key);
        if shown == decoded {
            packets[19] = 0x80;
        }
        Unit { decoded_at: decoded, written: decoded, is_key, packets }
    }

    /// A packet that begins a unit with these times.
    fn first(presented: i64, decoded: i64, is_key: bool) -> Vec<u8> {
        let mut packet = vec![SYNC, 0x41, 0x00, 0x30, 7, 0x10 | if is_key { 0x40 } else { 0 }];
        packet.extend([0; 6]);
        let base = decoded.rem_euclid(WRAP) as u64;
        packet[6..10].copy_from_slice(&((base >> 1) as u32).to_be_bytes());
        packet[10] = ((base & 1) as u8) << 7;
        packet.extend([0, 0, 1, 0xe0, 0, 0, 0x80, 0xc0, 10]);
        for (marker, time) in [(0x31, presented), (0x11, decoded)] {
            let mut bytes = [marker, 0, 0, 0, 0];
            write_time(&mut bytes, time.rem_euclid(WRAP));
            packet.extend(bytes);
        }
        packet.resize(PACKET, 0xaa);
        packet
    }

    fn further() -> Vec<u8> {
        let mut packet = vec![SYNC, 0x01, 0x00, 0x10];
        packet.resize(PACKET, 0x55);
        packet
    }

    #[test]
    fn units_come_whole_whatever_pieces_the_stream_comes_in() {
        let stream = [first(3_600, 0, true), further(), first(7_200, 3_600, false), further(), further()].concat();
        for size in [1, 7, 188, 500, stream.len()] {
            let mut splitter = Splitter::default();
            let mut units = Vec::new();
            for bytes in stream.chunks(size) {
                units.extend(splitter.push(bytes).expect("a stream"));
            }
            units.extend(splitter.finish());
            let found: Vec<_> = units.iter().map(|unit| (unit.decoded_at, unit.is_key, unit.size() / PACKET)).collect();
            assert_eq!(found, [(0, true, 2), (3_600, false, 3)], "in pieces of {size}");
            let whole: Vec<u8> = units.iter().flat_map(|unit| unit.decoded_at(unit.decoded_at)).collect();
            assert!(whole == stream, "moved by nothing it is the same");
        }
    }

    #[test]
    fn times_are_moved_and_nothing_else_is() {
        for (time, ticks) in [(0, 90_000), (WRAP - 10, 20), (100, -200), (5, WRAP * 3 + 7)] {
            let mut splitter = Splitter::default();
            splitter.push(&first(time + 3_600, time, true)).expect("a stream");
            let unit = splitter.finish().expect("one unit");
            let expected = first(time + 3_600 + ticks, time + ticks, true);
            assert!(unit.decoded_at(time + ticks) == expected, "{time} moved by {ticks}");
        }
    }

    #[test]
    fn times_go_on_beyond_where_they_wrap() {
        let mut splitter = Splitter::default();
        let times = [WRAP - 7_200, WRAP - 3_600, 0, 3_600, -3_600, 7_200];
        let mut stream: Vec<u8> = times.iter().flat_map(|time| first(time + 9_000, *time, false)).collect();
        stream.extend(first(0, 10_800, false));
        let units = splitter.push(&stream).expect("a stream");
        let steps: Vec<i64> = units.iter().map(|unit| unit.decoded_at - units[0].decoded_at).collect();
        assert_eq!(steps, [0, 3_600, 7_200, 10_800, 3_600, 14_400]);
    }

    #[test]
    fn what_is_no_stream_is_told() {
        assert!(Splitter::default().push(&[0; PACKET]).is_err_and(|error| error.to_string().contains("no transport")));
        // Any bytes at all, framed as packets, do no harm.
        let mut chance = fastrand::Rng::with_seed(3);
        let mut splitter = Splitter::default();
        for _ in 0..20_000 {
            let mut packet: Vec<u8> = (0..PACKET).map(|_| chance.u8(..)).collect();
            (packet[0], packet[1]) = (SYNC, packet[1] & 0xe0 | chance.u8(..2));
            for unit in splitter.push(&packet).expect("framed") {
                unit.decoded_at(chance.i64(-WRAP..WRAP));
            }
        }
    }
}
