//! Every socket: bind by interface, accept, permit, handshake inside the task.
