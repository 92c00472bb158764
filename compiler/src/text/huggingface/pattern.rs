//! Patterns that text is split by: read, and made into a table of states.
//!
//! What is read is the part of the usual syntax that tokenizers use: characters and classes, groups, alternatives, greedy repetition, and
//! a look at the next character, `(?!x)` or `(?=x)`. Everything else is an error. Of alternatives the first that matches
//! counts, as in a search that goes back and tries the next, so states are lists in the order in which such a search would try them.

use super::unicode::Set;

/// The most states of a search, and the most that a count may repeat.
const MAX_STATES: usize = 4096;
const MAX_COUNT: u32 = 256;

/// What a pattern is made of.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// One character of a set.
    Char(Set),
    /// One after the other.
    Concat(Vec<Node>),
    /// The first that matches.
    Alternatives(Vec<Node>),
    /// As often as possible, from a least to a most.
    Repeat(Box<Node>, u32, Option<u32>),
    /// Whether the next character is in a set, and whether it should be; the end of the text is in none.
    Look(Set, bool),
}

/// A reader of patterns.
#[derive(Debug)]
struct Parser<'p> {
    rest: &'p str,
}

/// Reads a pattern. What isn't supported is the error.
pub(super) fn parse(pattern: &str) -> Result<Node, String> {
    let mut parser = Parser { rest: pattern };
    let node = parser.alternatives(false)?;
    if !parser.rest.is_empty() {
        return Err(format!("the pattern has a `)` too much: `{}`", parser.rest));
    }
    Ok(node)
}

/// A string as a pattern.
pub(super) fn literal(string: &str) -> Node {
    Node::Concat(string.chars().map(|c| Node::Char(Set::one(c))).collect())
}

impl Parser<'_> {
    fn take(&mut self, prefix: &str) -> bool {
        self.rest.strip_prefix(prefix).map(|rest| self.rest = rest).is_some()
    }

    fn alternatives(&mut self, ignore_case: bool) -> Result<Node, String> {
        let mut all = vec![self.concat(ignore_case)?];
        while self.take("|") {
            all.push(self.concat(ignore_case)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Node::Alternatives(all) })
    }

    fn concat(&mut self, mut ignore_case: bool) -> Result<Node, String> {
        let mut all = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            if self.take("(?i)") {
                ignore_case = true;
                continue;
            }
            let atom = self.atom(ignore_case)?;
            all.push(self.repeated(atom)?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Node::Concat(all) })
    }

    fn atom(&mut self, ignore_case: bool) -> Result<Node, String> {
        for (open, looks) in [("(?!", Some(false)), ("(?=", Some(true)), ("(?:", None), ("(?i:", None)] {
            if self.take(open) {
                return self.group(ignore_case || open == "(?i:", looks);
            }
        }
        if self.rest.starts_with("(?") || self.rest.starts_with(['^', '$']) {
            return Err(format!("the pattern has what isn't supported: `{}`", self.rest));
        }
        if self.take("(") {
            return self.group(ignore_case, None);
        }
        let (class, rest) = self.rest.split_at(class_len(self.rest));
        self.rest = rest;
        let set = Set::class(class, ignore_case).ok_or_else(|| format!("`{class}` of the pattern isn't supported"))?;
        Ok(Node::Char(set))
    }

    fn group(&mut self, ignore_case: bool, looks: Option<bool>) -> Result<Node, String> {
        let inner = self.alternatives(ignore_case)?;
        if !self.take(")") {
            return Err("a group of the pattern has no end".to_owned());
        }
        match (looks, inner) {
            (None, inner) => Ok(inner),
            (Some(wanted), Node::Char(set)) => Ok(Node::Look(set, wanted)),
            _ => Err("the pattern looks further ahead than one character".to_owned()),
        }
    }

    fn repeated(&mut self, atom: Node) -> Result<Node, String> {
        let (least, most) = if self.take("?") {
            (0, Some(1))
        } else if self.take("*") {
            (0, None)
        } else if self.take("+") {
            (1, None)
        } else if let Some(counts) = self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            let read = |text: &str| text.parse::<u32>().ok().filter(|&count| count <= MAX_COUNT);
            let (least, most) = match counts.0.split_once(',') {
                None => (read(counts.0), read(counts.0).map(Some)),
                Some((least, "")) => (read(least), Some(None)),
                Some((least, most)) => (if least.is_empty() { Some(0) } else { read(least) }, read(most).map(Some)),
            };
            let (Some(least), Some(most)) = (least, most) else {
                return Err(format!("`{{{}}}` of the pattern isn't supported", counts.0));
            };
            self.rest = counts.1;
            (least, most)
        } else {
            return Ok(atom);
        };
        if self.rest.starts_with(['?', '*', '+', '{']) {
            return Err(format!("repetition that isn't greedy isn't supported: `{}`", self.rest));
        }
        Ok(Node::Repeat(Box::new(atom), least, most))
    }
}

/// The length of the class or character at the beginning of a pattern.
fn class_len(pattern: &str) -> usize {
    let escape = |rest: &str| {
        let named = rest.starts_with(r"\p{") || rest.starts_with(r"\P{") || rest.starts_with(r"\x{");
        let unnamed = || rest.char_indices().nth(2).map_or(rest.len(), |(at, _)| at);
        if named { rest.find('}').map_or(rest.len(), |at| at + 1) } else { hex(rest).unwrap_or_else(unnamed) }
    };
    if pattern.starts_with('\\') {
        return escape(pattern);
    }
    let (mut depth, mut at) = (0, 0);
    while let Some(next) = pattern[at..].chars().next() {
        if next == '\\' {
            at += escape(&pattern[at..]);
            continue;
        }
        at += next.len_utf8();
        depth += i32::from(next == '[') - i32::from(next == ']');
        if depth <= 0 {
            break;
        }
    }
    at
}

/// The length of `\x41` or `\u0041`.
fn hex(rest: &str) -> Option<usize> {
    let len = if rest.starts_with(r"\x") {
        4
    } else if rest.starts_with(r"\u") {
        6
    } else {
        return None;
    };
    Some(len.min(rest.len()))
}

/// A table of states, as `dunlin-text` reads it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The classes' sets; a character is in at most one.
    pub(super) sets: Vec<Set>,
    /// Entries by state, then by class: 0 for a character in none of the sets, then the sets, then the end.
    pub(super) entries: Vec<u16>,
}

impl Table {
    /// Columns of the table.
    pub(super) fn columns(&self) -> usize {
        self.sets.len() + 2
    }
}

/// One state of a search that goes back.
#[derive(Clone, Debug)]
enum Step {
    Char(usize, usize),
    Look(usize, bool, usize),
    Either(usize, usize),
    Match,
}

/// A pattern as steps.
#[derive(Debug, Default)]
struct Steps {
    steps: Vec<Step>,
    sets: Vec<Set>,
}

impl Steps {
    fn push(&mut self, step: Step) -> usize {
        self.steps.push(step);
        self.steps.len() - 1
    }

    fn set(&mut self, set: &Set) -> usize {
        let found = self.sets.iter().position(|other| other == set);
        found.unwrap_or_else(|| {
            self.sets.push(set.clone());
            self.sets.len() - 1
        })
    }

    /// The first of a node's steps, which go on with `next`.
    fn add(&mut self, node: &Node, next: usize) -> Result<usize, String> {
        if self.steps.len() > MAX_STATES {
            return Err("the pattern is too large".to_owned());
        }
        Ok(match node {
            Node::Char(set) => {
                let set = self.set(set);
                self.push(Step::Char(set, next))
            }
            Node::Look(set, wanted) => {
                let set = self.set(set);
                self.push(Step::Look(set, *wanted, next))
            }
            Node::Concat(all) => all.iter().rev().try_fold(next, |next, node| self.add(node, next))?,
            Node::Alternatives(all) => {
                let firsts = all.iter().map(|node| self.add(node, next)).collect::<Result<Vec<_>, _>>()?;
                let last = firsts.len() - 1;
                firsts[..last].iter().rfold(firsts[last], |after, &first| self.push(Step::Either(first, after)))
            }
            Node::Repeat(node, least, most) => {
                let mut first = next;
                match most {
                    None => {
                        first = self.push(Step::Match);
                        let body = self.add(node, first)?;
                        self.steps[first] = Step::Either(body, next);
                    }
                    Some(most) => {
                        for _ in *least..*most {
                            let body = self.add(node, first)?;
                            first = self.push(Step::Either(body, next));
                        }
                    }
                }
                (0..*least).try_fold(first, |next, _| self.add(node, next))?
            }
        })
    }

    /// Follows a list of steps up to where they read a character of a class: which steps come after it, and whether a match ends
    /// before it. What a search would try only behind a match is left out.
    fn follow(&self, from: &[usize], holds: impl Fn(usize) -> bool) -> (Vec<usize>, bool) {
        let mut seen = vec![false; self.steps.len()];
        let mut after = Vec::new();
        let mut stack: Vec<usize> = from.iter().rev().copied().collect();
        while let Some(step) = stack.pop() {
            if std::mem::replace(&mut seen[step], true) {
                continue;
            }
            match self.steps[step] {
                Step::Char(set, next) if holds(set) => after.push(next),
                Step::Look(set, wanted, next) if holds(set) == wanted => stack.push(next),
                Step::Either(first, second) => stack.extend([second, first]),
                Step::Match => return (after, true),
                Step::Char(..) | Step::Look(..) => {}
            }
        }
        (after, false)
    }
}

/// Makes a pattern into a table.
///
/// # Errors
/// A pattern that matches where there is nothing, that is too large, or whose search would look ahead without bound.
pub(super) fn table(node: &Node) -> Result<Table, String> {
    let mut steps = Steps::default();
    let end = steps.push(Step::Match);
    let start = steps.add(node, end)?;
    let classes = classes(&steps.sets)?;
    let mut states: Vec<Vec<usize>> = vec![Vec::new(), vec![start]];
    let mut entries: Vec<u16> = vec![0; classes.len() + 2];
    let mut quiet = vec![Vec::new()];
    let mut index = 1;
    while index < states.len() {
        let mut unflagged = Vec::new();
        for column in 0..classes.len() + 2 {
            let class = column.checked_sub(1).and_then(|class| classes.get(class));
            let (after, matched) = steps.follow(&states[index], |set| class.is_some_and(|class| class.0[set]));
            let known = states.iter().position(|state| *state == after);
            let next = known.unwrap_or_else(|| {
                states.push(after);
                states.len() - 1
            });
            if matched && index == 1 {
                return Err("the pattern matches where there is nothing".to_owned());
            }
            if !matched && next != 0 {
                unflagged.push(next);
            }
            entries.push((next as u16) << 1 | u16::from(matched));
        }
        quiet.push(unflagged);
        index += 1;
        if states.len() > MAX_STATES {
            return Err("the pattern is too large".to_owned());
        }
    }
    if has_cycle(&quiet) {
        return Err("a search for the pattern would look ahead without bound".to_owned());
    }
    Ok(Table { sets: classes.into_iter().map(|class| class.1).collect(), entries })
}

/// Sets that don't overlap, each with which of the given sets hold for it. What none holds for is left out.
fn classes(sets: &[Set]) -> Result<Vec<(Vec<bool>, Set)>, String> {
    let mut edges: Vec<u32> = sets.iter().flat_map(Set::edges).collect();
    edges.sort_unstable();
    edges.dedup();
    type Class = (Vec<bool>, Vec<(u32, u32)>);
    let mut found: Vec<Class> = Vec::new();
    for (index, &edge) in edges.iter().enumerate() {
        let holds: Vec<bool> = sets.iter().map(|set| set.contains(edge)).collect();
        if !holds.contains(&true) {
            continue;
        }
        let range = (edge, edges.get(index + 1).map_or(edge, |next| next - 1));
        match found.iter_mut().find(|class| class.0 == holds) {
            Some(class) => class.1.push(range),
            None => found.push((holds, vec![range])),
        }
    }
    if found.len() > 250 {
        return Err("the pattern tells too many kinds of characters apart".to_owned());
    }
    Ok(found.into_iter().map(|(holds, ranges)| (holds, Set::ranges(ranges))).collect())
}

/// Whether a search could go in a circle without an end of a match.
fn has_cycle(next: &[Vec<usize>]) -> bool {
    let mut waits: Vec<usize> = vec![0; next.len()];
    next.iter().flatten().for_each(|&state| waits[state] += 1);
    let mut free: Vec<usize> = (0..next.len()).filter(|&state| waits[state] == 0).collect();
    let mut done = 0;
    while let Some(state) = free.pop() {
        done += 1;
        for &after in &next[state] {
            waits[after] -= 1;
            if waits[after] == 0 {
                free.push(after);
            }
        }
    }
    done < next.len()
}
