package hub

// This file speaks to the hub: what is in a repository, and where its files are.

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	hf "github.com/gomlx/go-huggingface/hub"
	"github.com/latentchain/latentchain/xlaengine/wheel"
)

// client asks one hub about one repository.
type client struct {
	http     *http.Client
	endpoint string
	token    string
	repo     string
}

func newClient(id ID, o Options) *client {
	return &client{http: wheel.NewClient(), endpoint: o.endpoint(), token: o.token(), repo: id.Repo}
}

// maxInfo is the most bytes of an answer about a repository that are read.
const maxInfo = 32 << 20

// info asks which commit a revision is and which files it has, with their sizes and hashes.
func (c *client) info(ctx context.Context, revision string) (*hf.RepoInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, hubPatience)
	defer cancel()
	address := fmt.Sprintf("%s/api/models/%s/revision/%s?blobs=true", c.endpoint, c.repo, url.PathEscape(revision))
	resp, err := c.do(ctx, c.http, http.MethodGet, address)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var info hf.RepoInfo
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxInfo)).Decode(&info); err != nil {
		return nil, fmt.Errorf("the hub's answer about %s: %w", c.repo, err)
	}
	if info.CommitHash == "" {
		info.CommitHash = resp.Header.Get(hf.HeaderXRepoCommit)
	}
	if !safeName(info.CommitHash) {
		return nil, fmt.Errorf("the hub's answer about %s names the commit %q", c.repo, info.CommitHash)
	}
	return &info, nil
}

// blob is one file's content on the hub: a source with the name it has in the cache.
type blob struct {
	wheel.Source
	etag string
}

// blob returns where the file of info is and what it must be.
func (c *client) blob(ctx context.Context, commit string, info *hf.FileInfo) (blob, error) {
	b := blob{Source: wheel.Source{Name: info.Name, Header: c.header(), Size: info.Size, URL: fmt.Sprintf("%s/%s/resolve/%s/%s",
		c.endpoint, c.repo, url.PathEscape(commit), (&url.URL{Path: info.Name}).EscapedPath())}}
	switch {
	case info.LFS != nil && isHash(info.LFS.SHA256, 32):
		b.etag, b.SHA256, b.Size = info.LFS.SHA256, info.LFS.SHA256, info.LFS.Size
		return b, nil
	case info.LFS == nil && isHash(info.BlobID, 20):
		b.etag, b.GitID = info.BlobID, info.BlobID
		return b, nil
	}
	return c.head(ctx, b)
}

// head asks for a file's headers, for a hub that says nothing about blobs. A large file is stored elsewhere and
// its hash is on the answer that sends us there, so that answer is not followed. An ETag that is no hash only
// names the blob; then the size is all that can be checked.
func (c *client) head(ctx context.Context, b blob) (blob, error) {
	stay := *c.http
	stay.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if next.URL.Host == via[0].URL.Host && next.Response.Header.Get(hf.HeaderXLinkedETag) == "" {
			return nil // a repository that was renamed
		}
		return http.ErrUseLastResponse
	}
	resp, err := c.do(ctx, &stay, http.MethodHead, b.URL)
	if err != nil {
		return blob{}, fmt.Errorf("%s: %w", b.Name, err)
	}
	_ = resp.Body.Close()
	b.etag = resp.Header.Get(hf.HeaderXLinkedETag)
	size := resp.Header.Get(hf.HeaderXLinkedSize)
	if b.etag == "" {
		b.etag, size = resp.Header.Get("ETag"), resp.Header.Get("Content-Length")
	}
	b.etag = strings.Trim(strings.TrimPrefix(b.etag, "W/"), `"`)
	if n, err := strconv.ParseInt(size, 10, 64); err == nil && n >= 0 {
		b.Size = n
	}
	switch {
	case isHash(b.etag, 32):
		b.SHA256 = b.etag
	case isHash(b.etag, 20):
		b.GitID = b.etag
	case !safeName(b.etag) || b.Size == 0:
		return blob{}, fmt.Errorf("%s: the hub gives neither a hash nor an ETag with a size, so it cannot be checked", b.Name)
	}
	return b, nil
}

func isHash(s string, size int) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == size && s == strings.ToLower(s)
}

func (c *client) header() http.Header {
	h := http.Header{"User-Agent": {"latentchain"}, "Accept-Encoding": {"identity"}}
	if c.token != "" {
		h.Set("Authorization", "Bearer "+c.token)
	}
	return h
}

// do sends a request and turns an answer other than well, or a redirect that is kept, into an error that says
// what to do.
func (c *client) do(ctx context.Context, h *http.Client, method, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header = c.header()
	resp, err := h.Do(req)
	if err != nil {
		var urlError *url.Error
		if errors.As(err, &urlError) {
			err = urlError.Err
		}
		return nil, fmt.Errorf("the hub %s cannot be reached: %w", c.endpoint, err)
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	status := wheel.NewStatusError(resp)
	return nil, c.advise(status)
}

// advise says what a refusal means and what helps.
func (c *client) advise(status *wheel.StatusError) error {
	switch status.Code {
	case http.StatusUnauthorized, http.StatusForbidden:
		if c.token == "" {
			return fmt.Errorf("%s does not exist or needs a login: set HF_TOKEN to your access token (%w)", c.repo, status)
		}
		return fmt.Errorf("your token does not open %s: accept its conditions on its page at the hub, or check the name (%w)",
			c.repo, status)
	case http.StatusNotFound:
		return fmt.Errorf("the hub has no %s, or not this revision: check the spelling (%w)", c.repo, status)
	}
	return fmt.Errorf("the hub %s: %w", c.endpoint, status)
}
