//! The protocol in a world whose clocks drift, whose calls get lost before or after they happened, or happen long after
//! they were given up. In each such world at most one leads.

use proptest::prelude::*;

use super::*;

/// One candidate, its clock, and the call that it waits for.
struct Node {
    candidate: Candidate,
    /// How fast its clock runs, in thousandths.
    rate: u64,
    origin: u64,
    /// The resourceVersion that its next write names; none to create.
    known: Option<u64>,
    call: Call,
}

enum Call {
    None,
    Read,
    Answered(Option<(Record, u64)>),
    Write { sent: Duration, write: Write, answer: Option<Result<u64, ()>> },
}

#[derive(Clone)]
struct Write {
    record: Record,
    precondition: Option<u64>,
}

#[derive(Default)]
struct World {
    /// In milliseconds.
    now: u64,
    lease: Option<(Record, u64)>,
    /// Writes that their senders gave up, and that may happen yet.
    late: Vec<Write>,
    last: u64,
    /// How often the time for people was read.
    times: u64,
}

/// What happens to a candidate next.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// Its call goes one step: sent, done at the server, answered.
    Step,
    /// It gives its call up; the server may come to it later.
    GiveUp,
    /// A write that was given up happens now.
    Late,
    /// It hands over, and waits for no answer.
    Release,
    /// The process ends, and another begins in its place.
    Restart,
}

impl World {
    fn write(&mut self, write: &Write) -> Result<u64, ()> {
        if self.lease.as_ref().map(|(_, version)| *version) != write.precondition {
            return Err(());
        }
        self.last += 1;
        self.lease = Some((write.record.clone(), self.last));
        Ok(self.last)
    }
}

impl Node {
    fn clock(&self, now: u64) -> Duration {
        Duration::from_millis(self.origin + now * self.rate / 1_000)
    }

    fn send(&mut self, step: Step, now: u64) {
        self.call = match step {
            Step::Read => Call::Read,
            Step::Write(record) => {
                let write = Write { record, precondition: self.known };
                Call::Write { sent: self.clock(now), write, answer: None }
            }
            Step::Wait => Call::None,
        };
    }

    fn step(&mut self, world: &mut World) {
        let now = self.clock(world.now);
        // Its clock for people says anything, and never the same twice.
        world.times += 1;
        let wall = format!("{}.{}", world.now * 7_919 % 1_000, world.times);
        match std::mem::replace(&mut self.call, Call::None) {
            Call::None => self.send(self.candidate.attempt(now, &wall), world.now),
            Call::Read => self.call = Call::Answered(world.lease.clone()),
            Call::Answered(found) => {
                self.known = found.as_ref().map(|(_, version)| *version);
                let step = self.candidate.found(now, &wall, found.map(|(record, _)| record));
                self.send(step, world.now);
            }
            Call::Write { sent, write, answer: None } => {
                let answer = Some(world.write(&write));
                self.call = Call::Write { sent, write, answer };
            }
            Call::Write { sent, write, answer: Some(Ok(version)) } => {
                self.known = Some(version);
                self.candidate.written(sent, write.record);
            }
            Call::Write { answer: Some(Err(())), .. } => self.candidate.failed(),
        }
    }

    fn give_up(&mut self, world: &mut World) {
        match std::mem::replace(&mut self.call, Call::None) {
            Call::None => return,
            Call::Write { write, answer: None, .. } => world.late.push(write),
            Call::Read | Call::Answered(_) | Call::Write { .. } => {}
        }
        self.candidate.failed();
    }

    fn suffer(&mut self, fate: Fate, world: &mut World) {
        match fate {
            Fate::Step => self.step(world),
            Fate::GiveUp => self.give_up(world),
            Fate::Late => {
                if let Some(write) = world.late.pop() {
                    let _ = world.write(&write);
                }
            }
            Fate::Release => {
                self.give_up(world);
                if let Some(record) = self.candidate.release(self.clock(world.now), "") {
                    world.late.push(Write { record, precondition: self.known });
                }
            }
            Fate::Restart => {
                self.give_up(world);
                let identity = format!("{}'", self.candidate.identity);
                self.candidate = Candidate::new(identity, self.candidate.timing);
                self.known = None;
            }
        }
    }
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        30 => Just(Fate::Step),
        3 => Just(Fate::GiveUp),
        3 => Just(Fate::Late),
        1 => Just(Fate::Release),
        1 => Just(Fate::Restart),
    ]
}

fn nodes() -> impl Strategy<Value = Vec<(u64, u64)>> {
    // Two clocks' rates differ by up to 1.4, and 15 s / 10 s is 1.5.
    let rate = prop_oneof![Just(850), Just(1_190), 850_u64..=1_190];
    proptest::collection::vec((rate, 0_u64..1_000_000), 2..=3)
}

/// Who is awake for a while, as a set of bits, and what happens meanwhile: to whom, what, after how long.
type Spell = (u8, Vec<(usize, Fate, u64)>);

fn spells() -> impl Strategy<Value = Vec<Spell>> {
    let pause = prop_oneof![3 => 0_u64..300, 1 => 0_u64..4_000];
    let events = proptest::collection::vec((0_usize..3, fates(), pause), 1..60);
    proptest::collection::vec((1_u8..8, events), 1..20)
}

/// Lets it all happen, and tells whether two led at any time.
fn live(nodes: &mut [Node], world: &mut World, spells: Vec<Spell>) -> bool {
    let mut two = false;
    for (awake, events) in spells {
        for (who, fate, pause) in events {
            world.now += pause;
            let who = who % nodes.len();
            if awake & (1 << who) != 0 {
                nodes[who].suffer(fate, world);
            }
            two |= leaders(nodes, world.now) > 1;
        }
    }
    two
}

fn leaders(nodes: &[Node], now: u64) -> usize {
    nodes.iter().filter(|node| node.candidate.leads(node.clock(now))).count()
}

fn start(clocks: Vec<(u64, u64)>) -> Vec<Node> {
    let seconds = Duration::from_secs;
    let timing = Timing::new(seconds(15), seconds(10), seconds(2)).unwrap();
    let node = |(identity, (rate, origin)): (usize, _)| Node {
        candidate: Candidate::new(identity.to_string(), timing),
        rate,
        origin,
        known: None,
        call: Call::None,
    };
    clocks.into_iter().enumerate().map(node).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn at_most_one_leads_whatever_happens(clocks in nodes(), spells in spells()) {
        let (mut nodes, mut world) = (start(clocks), World::default());
        prop_assert!(!live(&mut nodes, &mut world, spells));
    }

    #[test]
    fn somebody_leads_within_a_lease_once_calls_are_answered_again(clocks in nodes(), spells in spells()) {
        let (mut nodes, mut world) = (start(clocks), World::default());
        live(&mut nodes, &mut world, spells);
        // The lease by the slowest clock, and a few attempts of everybody: those begun before, to read, and to write.
        let end = world.now + 15_000 * 1_000 / 850 + 8_000;
        while world.now < end && leaders(&nodes, world.now) == 0 {
            for node in &mut nodes {
                for _ in 0..3 {
                    node.step(&mut world);
                }
            }
            world.now += 2_000;
        }
        prop_assert_eq!(leaders(&nodes, world.now), 1);
    }
}
