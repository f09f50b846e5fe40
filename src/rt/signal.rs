//! Bells wake a waiting task; a stop sign ends it. Both are handed to low rooms by high ones.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use smol::channel::{Receiver, Sender, bounded};

/// Wakes one waiter; a ring while nobody waits is remembered once.
#[derive(Clone)]
pub struct Bell {
    tx: Sender<()>,
    rx: Receiver<()>,
}

impl Default for Bell {
    fn default() -> Self {
        let (tx, rx) = bounded(1);
        Bell { tx, rx }
    }
}

impl Bell {
    /// Rings; never blocks.
    pub fn ring(&self) {
        // A full channel means that a ring waits already.
        let _ = self.tx.try_send(());
    }

    /// Waits for a ring.
    pub async fn wait(&self) {
        let _ = self.rx.recv().await;
    }
}

/// Set once; every waiter sees it, also those that come later.
#[derive(Clone)]
pub struct Stop {
    set: Arc<AtomicBool>,
    tx: Sender<()>,
    rx: Receiver<()>,
}

impl Default for Stop {
    fn default() -> Self {
        let (tx, rx) = bounded(1);
        Stop { set: Arc::new(AtomicBool::new(false)), tx, rx }
    }
}

impl Stop {
    /// Sets the sign.
    pub fn set(&self) {
        self.set.store(true, Ordering::SeqCst);
        self.tx.close();
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.set.load(Ordering::SeqCst)
    }

    /// Waits until it is set.
    pub async fn wait(&self) {
        // Nothing is ever sent: the wait ends when `set` closes the channel.
        let _ = self.rx.recv().await;
    }
}
