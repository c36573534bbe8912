package xlaengine

// One step of the rows that think or answer: each takes in one more position, a thought made of its last hidden
// state or a token sampled from it, all in one pass. Prompts of a few tokens go in the same way.

// step runs a pass of one position a row, or of a few where drafts are verified.
func (s *scheduler) step(p passPlan) error {
	if err := s.say(p.rows); err != nil {
		return err
	}
	if err := s.imagine(p.rows); err != nil {
		return err
	}
	var going []*sequence
	var rows []*row
	var feeds []feed
	t := 1
	for _, q := range p.rows {
		if q.result != nil || q.call.ctx.Err() != nil {
			continue
		}
		f := q.next()
		t = max(t, f.count())
		going, rows, feeds = append(going, q), append(rows, &q.row), append(feeds, f)
	}
	if len(going) == 0 {
		return nil
	}
	if err := s.e.forward(rows, feeds, rowsFor(len(rows)), bucket(stepBuckets, t)); err != nil {
		return err
	}
	thoughts, prompt := 0, 0
	for _, q := range going {
		if len(q.pending) > 0 {
			prompt++
		} else if q.think != nil {
			thoughts++
		}
	}
	s.stats.stepped(len(going), thoughts, prompt)
	for i, q := range going {
		switch {
		case len(q.pending) > 0:
			s.took(q, 1)
		case q.think != nil:
			q.think.took(s, q)
		default:
			q.decode.took(q, feeds[i])
		}
	}
	return nil
}

// next is what the sequence takes in next.
func (q *sequence) next() feed {
	switch {
	case len(q.pending) > 0:
		return feed{tokens: q.pending[:1], want: 1}
	case q.think != nil:
		return feed{thought: q.think.thought, want: 1}
	default:
		tokens := q.decode.feed()
		return feed{tokens: tokens, want: len(tokens)}
	}
}

// say samples the next tokens of those that answer, and finishes those that have said all.
func (s *scheduler) say(all []*sequence) error {
	var who []*sequence
	var hidden [][]float32
	for _, q := range all {
		if q.decode != nil && len(q.pending) == 0 {
			for range q.hidden {
				who = append(who, q)
			}
			hidden = append(hidden, q.hidden...)
		}
	}
	if len(hidden) == 0 {
		return nil
	}
	if err := s.e.logits(hidden, func(i int, logits []float32) {
		if q := who[i]; !q.decode.ended {
			q.decode.take(s.e, q, logits)
		}
	}); err != nil {
		return err
	}
	for i, q := range who {
		if i > 0 && who[i-1] == q {
			continue
		}
		q.decode.settle(s, q)
	}
	return nil
}

// imagine makes the next thoughts of those that think, those with the same operator side by side.
func (s *scheduler) imagine(all []*sequence) error {
	by := map[Operator][]*sequence{}
	for _, q := range all {
		if q.think != nil && len(q.pending) == 0 {
			by[q.think.req.Operator] = append(by[q.think.req.Operator], q)
		}
	}
	for op, rows := range by {
		hidden := make([][]float32, len(rows))
		for i, q := range rows {
			hidden[i] = q.hidden[0]
		}
		thoughts, err := s.e.thoughts(op, hidden)
		if err != nil {
			return err
		}
		for i, q := range rows {
			q.think.thought = thoughts[i]
		}
	}
	return nil
}
