"""A learner as the published PyMARL code has it, in PyTorch: what Qohort is measured against.

Written from the description of that code, for timing: the same layers, the same order of work, one call of the GRU
cell for each step. Recurrent agents with double Q-learning, Qatten with four heads, RMSprop, gradients clipped at 10.
"""

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from qohort.bench.update import LearnerShape

HIDDEN, HEADS, EMBED, HYPER_HIDDEN = 64, 4, 32, 64
UNAVAILABLE = -9_999_999.0


class Agent(nn.Module):
    def __init__(self, inputs: int, actions: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(inputs, HIDDEN)
        self.rnn = nn.GRUCell(HIDDEN, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, actions)

    def forward(self, inputs: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        h = self.rnn(torch.relu(self.fc1(inputs)), h)
        return self.fc2(h), h


class Qatten(nn.Module):
    def __init__(self, shape: LearnerShape) -> None:
        super().__init__()
        self.agents, self.unit = shape.agents, shape.unit
        self.queries = nn.ModuleList(
            nn.Sequential(nn.Linear(shape.state, HYPER_HIDDEN), nn.ReLU(), nn.Linear(HYPER_HIDDEN, EMBED, bias=False))
            for _ in range(HEADS)
        )
        self.keys = nn.ModuleList(nn.Linear(shape.unit, EMBED, bias=False) for _ in range(HEADS))
        self.value = nn.Sequential(nn.Linear(shape.state, EMBED), nn.ReLU(), nn.Linear(EMBED, 1))

    def forward(self, utilities: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        rows = utilities.reshape(-1, 1, self.agents)
        flat = state.reshape(-1, state.shape[-1])
        units = flat[:, : self.agents * self.unit].reshape(-1, self.agents, self.unit).permute(1, 0, 2)
        heads, penalty = [], torch.zeros(())
        for query, key in zip(self.queries, self.keys, strict=True):
            asked = query(flat).view(-1, 1, EMBED)
            known = torch.stack([key(unit) for unit in units]).permute(1, 2, 0)
            logits = torch.matmul(asked, known)
            penalty = penalty + 0.01 * (logits**2).mean()
            weights = functional.softmax(logits / EMBED**0.5, dim=-1)
            heads.append((rows * weights).sum(dim=2))
        q_tot = torch.stack(heads, dim=1).sum(dim=1) + self.value(flat)
        return q_tot.view(*utilities.shape[:2], 1), penalty


class Learner:
    """One update on a batch of padded episodes, `B T ...` as PyMARL stores them."""

    def __init__(self, shape: LearnerShape, episodes: int) -> None:
        torch.manual_seed(0)
        self.shape = shape
        self.agent = Agent(shape.obs + shape.actions + shape.agents, shape.actions)
        self.mixer = Qatten(shape)
        self.target_agent, self.target_mixer = copy.deepcopy(self.agent), copy.deepcopy(self.mixer)
        self.params = [*self.agent.parameters(), *self.mixer.parameters()]
        self.optimiser = torch.optim.RMSprop(self.params, lr=5e-4, alpha=0.99, eps=1e-5)
        rng = np.random.default_rng(0)
        lead = (episodes, shape.steps + 1)

        def uniform(*size: int) -> Tensor:
            return torch.from_numpy(rng.uniform(-1, 1, size).astype(np.float32))

        self.obs = uniform(*lead, shape.agents, shape.obs)
        self.state = uniform(*lead, shape.state)
        self.reward = uniform(episodes, shape.steps, 1)
        avail = rng.random((*lead, shape.agents, shape.actions)) < 0.5
        avail[..., 0] = True
        self.avail = torch.from_numpy(avail)
        self.actions = torch.from_numpy(rng.integers(0, shape.actions, (*lead, shape.agents, 1)))
        self.onehot = functional.one_hot(self.actions[..., 0], shape.actions).float()
        self.terminated = torch.zeros(episodes, shape.steps, 1)
        self.terminated[:, -1] = 1
        self.mask = torch.ones(episodes, shape.steps, 1)

    def inputs(self, t: int) -> Tensor:
        episodes = len(self.obs)
        last = torch.zeros_like(self.onehot[:, 0]) if t == 0 else self.onehot[:, t - 1]
        ids = torch.eye(self.shape.agents)[None].expand(episodes, -1, -1)
        rows = episodes * self.shape.agents
        return torch.cat([part.reshape(rows, -1) for part in (self.obs[:, t], last, ids)], dim=1)

    def unroll(self, agent: Agent) -> Tensor:
        episodes = len(self.obs)
        h = torch.zeros(episodes * self.shape.agents, HIDDEN)
        out = []
        for t in range(self.shape.steps + 1):
            values, h = agent(self.inputs(t), h)
            out.append(values.view(episodes, self.shape.agents, -1))
        return torch.stack(out, dim=1)

    def update(self) -> None:
        values = self.unroll(self.agent)
        chosen = torch.gather(values[:, :-1], dim=3, index=self.actions[:, :-1])[..., 0]
        target_values = self.unroll(self.target_agent)[:, 1:].clone()
        target_values[~self.avail[:, 1:]] = UNAVAILABLE
        live = values.clone().detach()
        live[~self.avail] = UNAVAILABLE
        best = live[:, 1:].max(dim=3, keepdim=True)[1]
        following = torch.gather(target_values, 3, best)[..., 0]
        q_tot, penalty = self.mixer(chosen, self.state[:, :-1])
        target, _ = self.target_mixer(following, self.state[:, 1:])
        error = (q_tot - (self.reward + 0.99 * (1 - self.terminated) * target).detach()) * self.mask
        loss = (error**2).sum() / self.mask.sum() + penalty
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.params, 10)
        self.optimiser.step()


def torch_update(shape: LearnerShape, episodes: int) -> Callable[[], None]:
    """One update of the PyTorch learner, ready to be called."""
    return Learner(shape, episodes).update


def torch_matmul(size: int) -> Callable[[], None]:
    """One single-precision product of two square matrices in PyTorch."""
    a = torch.ones(size, size)

    def product() -> None:
        torch.mm(a, a)

    return product
