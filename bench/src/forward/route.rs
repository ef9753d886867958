//! To whom a message goes.

use super::{
    Forwarder,
    connection::{Role, unmask_onto},
};
use crate::frame;

impl Forwarder {
    /// Hands a message on.
    pub(super) fn forward(&mut self, at: usize, payload: &[u8], mask: [u8; 4]) {
        let Some(Some(sender)) = self.connections.get(at) else {
            return;
        };
        let Some(rewriter) = &mut self.rewriter else {
            return self.forward_bare(at, payload, mask);
        };
        self.text.clear();
        unmask_onto(&mut self.text, payload, mask);
        let Some((to, header)) = rewriter.rewrite(&self.text, &sender.id) else {
            return self.say(at, r#"{"from":"0","type":"ERROR","message":{}}"#);
        };
        if to != "*" {
            let Some(&recipient) = self.peers.get(to) else {
                return;
            };
            let frame = std::mem::take(&mut rewriter.frame);
            if let Some(out) = self.out_of(recipient) {
                out.extend_from_slice(&frame[header..]);
            }
            if let Some(rewriter) = &mut self.rewriter {
                rewriter.frame = frame;
            }
            return;
        }
        let frame = rewriter.frame[header..].to_vec();
        self.send_to_all(at, &frame);
    }

    fn forward_bare(&mut self, at: usize, payload: &[u8], mask: [u8; 4]) {
        let Some(Some(sender)) = self.connections.get(at) else {
            return;
        };
        let recipient = match sender.role {
            Role::Client(server) => server,
            _ => match sender.clients.as_slice() {
                [only] => *only,
                _ => {
                    let mut frame = Vec::with_capacity(payload.len() + 10);
                    frame::push_header(&mut frame, 0x81, payload.len(), 0);
                    unmask_onto(&mut frame, payload, mask);
                    return self.send_to_all(at, &frame);
                }
            },
        };
        if let Some(out) = self.out_of(recipient) {
            frame::push_header(out, 0x81, payload.len(), 0);
            unmask_onto(out, payload, mask);
        }
    }

    fn send_to_all(&mut self, at: usize, frame: &[u8]) {
        let Some(Some(sender)) = self.connections.get_mut(at) else {
            return;
        };
        let clients = std::mem::take(&mut sender.clients);
        for client in &clients {
            self.write(*client, frame);
        }
        if let Some(Some(sender)) = self.connections.get_mut(at) {
            sender.clients = clients;
        }
    }
}
