package plugin

// Errors as langchaingo's apps expect them: *llms.Error with a code, and beneath it what an app may ask for by errors.Is.

import (
	"context"
	"errors"
	"fmt"

	"github.com/tmc/langchaingo/llms"

	"github.com/latentchain/latentchain/xlaengine"
	"github.com/latentchain/latentchain/xlaengine/chat"
	"github.com/latentchain/latentchain/xlaengine/grammar"
)

// provider is the name in llms.Error.
const provider = "latentchain"

// What a request can be refused for. Beside these, errors are those of the engine (xlaengine.ErrContextFull,
// xlaengine.ErrBudget, xlaengine.ErrClosed), of ctx, or of the callback that ended the run.
var (
	ErrNoMessages = errors.New("no messages; want at least one")
	ErrPart       = errors.New("a part that a text model can't read")
	ErrRole       = errors.New("a role that is not known")
	ErrModel      = errors.New("another model is asked for")
	ErrTool       = errors.New("tools that can't be offered")
	ErrSchema     = errors.New("a schema that can't be kept to")
	ErrTooShort   = errors.New("the most tokens are too few for what the answer must fit")
)

// because makes a request's refusal one of the sentinels: sentinel and then what of the request it is.
func because(sentinel error, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	return llms.NewError(llms.ErrCodeInvalidRequest, provider, message).WithCause(sentinel)
}

// coded puts an error in langchaingo's terms, if it isn't yet and there is a code for it. The cause that ctx was cancelled
// with may be any error; where it is what came back, the call was cancelled or late all the same.
func coded(ctx context.Context, err error) error {
	var code llms.ErrorCode
	var already *llms.Error
	var template *chat.Exception
	var schema *grammar.SchemaError
	over := ctx.Err()
	if over != nil && !errors.Is(err, over) && errors.Is(err, context.Cause(ctx)) {
		err = fmt.Errorf("%w: %w", over, err)
	}
	switch {
	case errors.As(err, &already):
		return err
	case errors.Is(err, context.Canceled):
		code = llms.ErrCodeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		code = llms.ErrCodeTimeout
	case errors.Is(err, xlaengine.ErrBudget):
		code = llms.ErrCodeQuotaExceeded
	case errors.Is(err, xlaengine.ErrContextFull), errors.Is(err, ErrTooShort):
		code = llms.ErrCodeTokenLimit
	case errors.Is(err, xlaengine.ErrClosed):
		code = llms.ErrCodeProviderUnavailable
	case errors.As(err, &template), errors.As(err, &schema):
		code = llms.ErrCodeInvalidRequest
	default:
		return fmt.Errorf("%s: %w", provider, err)
	}
	return llms.NewError(code, provider, err.Error()).WithCause(err)
}
