//! A second thread that takes one of two pieces of work.

use core::fmt;
use core::hint::spin_loop;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A piece of work.
pub type Piece<'a> = dyn FnMut() + Send + 'a;

/// A thread that waits for work; it ends when this is dropped.
///
/// It watches for the next piece for some microseconds after the last one, then sleeps until it is woken: a caller who has many
/// pieces one after another pays for a wake-up once, and a helper without work takes no time from anyone. A helper that made its caller
/// wait, because its core has other work or is a slow one, is left out for a multiple of that time.
#[derive(Debug)]
pub struct Helper {
    desk: Arc<Desk>,
    thread: JoinHandle<()>,
    /// Time of pieces that it is still left out of.
    left_out: Duration,
}

/// What the two threads share.
struct Desk {
    /// One of the states below.
    state: AtomicU8,
    /// The caller's piece while the state is [`READY`] or [`TAKEN`]; it points to a `&mut Piece`.
    piece: AtomicPtr<()>,
}

/// No piece, and the helper watches.
const IDLE: u8 = 0;
/// No piece, and the helper sleeps or is about to.
const ASLEEP: u8 = 1;
/// A piece lies there; whoever changes the state to something else has it.
const READY: u8 = 2;
/// The helper is at it.
const TAKEN: u8 = 3;
/// The helper is to end.
const END: u8 = 4;

/// For how long the helper watches for another piece.
const WATCH: Duration = Duration::from_micros(100);
/// For how many times the time that a helper has lost it is left out: no more than one part in so many is ever lost.
const LEFT_OUT: u32 = 16;
/// Looks at the state between two looks at the clock: a few microseconds.
const LOOKS: u32 = 32;

impl Helper {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system's, where it gives no thread.
    pub fn start() -> io::Result<Self> {
        let desk = Arc::new(Desk { state: AtomicU8::new(IDLE), piece: AtomicPtr::new(ptr::null_mut()) });
        let theirs = Arc::clone(&desk);
        let thread = thread::Builder::new().name("dunlin-helper".into()).spawn(move || theirs.serve())?;
        Ok(Self { desk, thread, left_out: Duration::ZERO })
    }

    /// Runs both, the second one on the helper's thread unless that hasn't begun when the first one is done, and returns when both
    /// have ended. Allocates nothing.
    ///
    /// A panic of the first passes to the caller, once the second has ended. A panic of the second on the helper's thread ends only the
    /// second: the caller has to see whether it came to its end.
    pub fn join(&mut self, first: &mut Piece<'_>, mut second: &mut Piece<'_>) {
        let start = Instant::now();
        if !self.left_out.is_zero() {
            first();
            second();
            self.left_out = self.left_out.saturating_sub(start.elapsed());
            return;
        }
        let offer = Offer::new(self, &mut second);
        first();
        let own = start.elapsed();
        if offer.close() {
            second();
        } else {
            // Alone, both pieces would have taken about twice as long as the first.
            self.left_out = LEFT_OUT * start.elapsed().saturating_sub(2 * own);
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.desk.state.store(END, Ordering::Release);
        self.thread.thread().unpark();
    }
}

/// A piece that the helper may take for as long as this lives.
struct Offer<'a> {
    desk: &'a Desk,
}

impl<'a> Offer<'a> {
    fn new(helper: &'a Helper, piece: &'a mut &mut Piece<'_>) -> Self {
        let desk = &*helper.desk;
        desk.piece.store(ptr::from_mut(piece).cast(), Ordering::Relaxed);
        if desk.state.swap(READY, Ordering::AcqRel) == ASLEEP {
            helper.thread.thread().unpark();
        }
        Self { desk }
    }

    /// Whether the piece is still to be done. If not, it has ended.
    fn close(self) -> bool {
        self.desk.take_back()
    }
}

impl Drop for Offer<'_> {
    fn drop(&mut self) {
        self.desk.take_back();
    }
}

impl Desk {
    /// Takes the piece back, if it still lies there; else waits until the helper has ended it.
    fn take_back(&self) -> bool {
        if self.state.compare_exchange(READY, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return true;
        }
        let mut watch = Watch::new();
        while self.state.load(Ordering::Acquire) == TAKEN {
            watch.is_over();
        }
        false
    }

    /// What the helper does.
    fn serve(&self) {
        while self.wait() {
            let piece = self.piece.load(Ordering::Relaxed).cast::<&mut Piece<'_>>();
            // SAFETY: the state went from `READY` to `TAKEN` by this thread, so the pointer is that of an `Offer`, which borrows what
            // it points to, and lives until the state is another: in `take_back`, which its `Drop` calls, it waits for that. No
            // one else uses the piece meanwhile, and it is `Send`.
            let piece = unsafe { &mut *piece };
            // The caller sees from what the piece was to write that it didn't come to its end.
            let outcome = catch_unwind(AssertUnwindSafe(piece));
            self.state.store(IDLE, Ordering::Release);
            // A panic's payload may itself panic when it goes; nobody waits for this thread now.
            drop(outcome);
        }
    }

    /// Waits for a piece and takes it; `false` when there will be none.
    fn wait(&self) -> bool {
        let mut watch = Watch::new();
        loop {
            match self.state.load(Ordering::Acquire) {
                READY => {
                    if self.changes(READY, TAKEN) {
                        return true;
                    }
                }
                END => return false,
                ASLEEP => {
                    thread::park();
                    watch = Watch::new();
                }
                _ => {
                    if watch.is_over() {
                        self.changes(IDLE, ASLEEP);
                    }
                }
            }
        }
    }

    fn changes(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("state", &self.state).finish_non_exhaustive()
    }
}

/// Waiting by looking again and again.
struct Watch {
    since: Instant,
    looks: u32,
}

impl Watch {
    fn new() -> Self {
        Self { since: Instant::now(), looks: 0 }
    }

    /// Waits for a moment, and tells whether [`WATCH`] is over.
    fn is_over(&mut self) -> bool {
        self.looks += 1;
        if !self.looks.is_multiple_of(LOOKS) {
            spin_loop();
            return false;
        }
        // The other thread may be on the same core.
        thread::yield_now();
        self.since.elapsed() >= WATCH
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use super::*;
    use alloc::vec;
    use std::panic::panic_any;

    /// Numbers each half, on two threads.
    fn number(helper: &mut Helper, numbers: &mut [usize]) {
        let (low, high) = numbers.split_at_mut(numbers.len() / 2);
        let start = low.len();
        helper.join(&mut || low.iter_mut().enumerate().for_each(|(i, n)| *n = i), &mut || {
            high.iter_mut().enumerate().for_each(|(i, n)| *n = start + i)
        });
    }

    #[test]
    fn both_pieces_are_done_whether_the_helper_watches_or_sleeps() {
        let mut helper = Helper::start().expect("the system has a thread");
        for round in 0..2000 {
            let mut numbers = vec![usize::MAX; 1 + round % 50];
            number(&mut helper, &mut numbers);
            assert!(numbers.iter().enumerate().all(|(i, &n)| i == n), "{round}: {numbers:?}");
            if round % 500 == 0 {
                thread::sleep(2 * WATCH);
            }
        }
    }

    #[test]
    fn a_helper_that_made_its_caller_wait_is_left_out_for_a_while() {
        let mut helper = Helper::start().expect("the system has a thread");
        let begun = AtomicU8::new(0);
        let mut wait = || {
            while begun.load(Ordering::Acquire) == 0 {
                thread::yield_now();
            }
        };
        helper.join(&mut wait, &mut || {
            begun.store(1, Ordering::Release);
            thread::sleep(Duration::from_millis(20));
        });
        let mut second = None;
        helper.join(&mut || thread::sleep(Duration::from_millis(1)), &mut || second = Some(thread::current().id()));
        assert_eq!(second, Some(thread::current().id()));
        assert!(!helper.left_out.is_zero(), "{helper:?}");
        helper.left_out = Duration::from_micros(1);
        helper.join(&mut || thread::sleep(Duration::from_millis(1)), &mut || ());
        assert!(helper.left_out.is_zero(), "{helper:?}");
    }

    #[test]
    fn the_second_piece_runs_on_the_other_thread() {
        let mut helper = Helper::start().expect("the system has a thread");
        let (mut first, mut second) = (None, None);
        let begun = AtomicU8::new(0);
        helper.join(
            // Without the helper this would never end.
            &mut || {
                while begun.load(Ordering::Acquire) == 0 {
                    thread::yield_now();
                }
                first = Some(thread::current().id());
            },
            &mut || {
                begun.store(1, Ordering::Release);
                second = Some(thread::current().id());
            },
        );
        assert_eq!(first, Some(thread::current().id()));
        assert!(second.is_some() && second != first);
    }

    #[test]
    fn a_panic_of_either_piece_leaves_a_helper_that_works() {
        for _ in 0..20 {
            let mut helper = Helper::start().expect("the system has a thread");
            let mut done = false;
            let first = catch_unwind(AssertUnwindSafe(|| {
                helper.join(&mut || panic_any("the first piece, in a test"), &mut || done = true);
            }));
            assert!(first.is_err());
            let (begun, mut ended) = (AtomicU8::new(0), false);
            let wait = || {
                while begun.load(Ordering::Acquire) == 0 {
                    thread::yield_now();
                }
            };
            helper.join(&mut || wait(), &mut || {
                begun.store(1, Ordering::Release);
                if !ended {
                    panic_any("the second piece, in a test");
                }
                ended = true;
            });
            assert!(!ended);
            let mut numbers = [0; 9];
            number(&mut helper, &mut numbers);
            assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        }
    }
}
